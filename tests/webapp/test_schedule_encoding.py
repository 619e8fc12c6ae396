"""What a file says does not depend on the program that saved it."""

import pytest

from tests.webapp.schedule_samples import JAPANESE, TWO_RUNS, message_of, read, sheet


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encoding_and_delimiter_make_no_difference(encoding: str, delimiter: str) -> None:
    assert read(JAPANESE.replace(",", delimiter).encode(encoding)).runs == read(JAPANESE).runs


@pytest.mark.parametrize(
    ("place", "encoding"),
    [("①髙﨑㈱", "cp932"), ("ｱｵｿﾞﾗﾃﾞｲ", "cp932"), ("L’école", "cp1252"), ("Hauptstraße", "cp1252"), ("Töölö", "cp1252")],
)
def test_one_foreign_word_tells_the_code_page(place: str, encoding: str) -> None:
    header = JAPANESE if encoding == "cp932" else sheet(TWO_RUNS)
    file = read(header.replace("港町3-4 (B07w)", place).replace(",B,", f",{place},").encode(encoding))
    assert file.encoding == encoding
    assert file.runs[0].stops[1].place_name == place
    assert message_of(file, "W-ENCODING").severity == "warning"


def test_a_korean_file_of_the_old_code_page_is_read() -> None:
    words = {"run_id": "운행ID", "days": "운행일", "place": "장소", "time": "시각", "board": "승차", "alight": "하차"}
    text = sheet(TWO_RUNS).replace(",A,", ",서울역,")
    for english, korean in words.items():
        text = text.replace(english, korean, 1)
    file = read(text.encode("cp949"))
    assert (file.encoding, len(file.runs), file.runs[0].stops[0].place_name) == ("cp949", 2, "서울역")
