"""What a file says does not depend on the program that saved it."""

import codecs
import re
from collections.abc import Iterator
from random import Random

import pytest

from tests.webapp.schedule_samples import JAPANESE, TWO_RUNS, message_of, read, sheet
from webapp.files.encoding import decode

WORDS = {
    "fi": "Töölöntori Hämeentie Mäkelänkatu Pääskylänrinne Käpylä Järvenpää Kyyjärvi Säkylä Äänekoski Åbo "
    "Öster Björkö Jyväskylä Ylöjärvi Lähdetie Kirkkotie Satamakatu Koulutie Asemakatu Rantatie "
    "Mäntsälä Nousiainen Pyhäntä Syöte päiväkoti terveysasema ’Tähti’ uimahalli–kirjasto "
    "lähtöpysäkki Håkansgård é",
    "en": "High Street Park Avenue Mill Lane School Gate Café Zoë’s Chapel–Hill O’Brien Naïve Renée "
    "Station Road Bridge End Church Green Market Square Béla Fiancée “Old Barn” £5 ½ mile Ward Way "
    "Library Pool North Court",
    "ja": "籠原駅南口 本町一丁目 港町 桜ヶ丘 あおぞらデイ みどりの郷 特別養護老人ホーム 中央公民館 "
    "市役所前 小学校 東口ロータリー ①号車 髙橋 﨑村 ㈱送迎 ｱｵｿﾞﾗ 夏：平日 ～毎日 病院 郵便局 "
    "ひばりが丘団地 保育園 図書館 神社前 農協 役場 橋本 郡山 池田町",
    "ko": "서울역 시청 강남구 중앙로 초등학교 어린이집 복지관 보건소 정류장 아파트 입구 사거리 터미널 "
    "도서관 우체국 시장 샛별마을 꽃동네 햇살요양원 뚝섬 읍사무소 면사무소 앞 뒤 똠방각하 펲시 등원 "
    "하원 월요일",
}
CODE_PAGE = {"fi": "cp1252", "en": "cp1252", "ja": "cp932", "ko": "cp949"}
UNICODE = ("utf-8", "utf-8-sig", "utf-16", "utf-16-be with its mark", "utf-16-le", "utf-16-be")
FILES = 60
"""Of each language in each encoding: 1,680 in all."""


def table_of(language: str, random: Random) -> str:
    """Write a table of 1 to 200 rows, as somebody in that language would."""
    words = WORDS[language].split()
    rows = [
        [
            f"{language}{n}",
            " ".join(random.choices(words, k=random.randint(1, 3))),
            f"7:{n % 60:02d}",
            random.choice(words),
        ]
        for n in range(random.choice([1, 2, 3, 8, 30, 200]))
    ]
    rows[0][1] += " " + next(word for word in words if not word.isascii())
    delimiter, end = random.choice(",;\t"), random.choice(["\n", "\r\n"])
    return "".join(delimiter.join(row) + end for row in [["run_id", "place", "time", "note"], *rows])


def saved(text: str, encoding: str) -> bytes:
    if encoding.endswith("with its mark"):
        return codecs.BOM_UTF16_BE + text.encode("utf-16-be")
    return text.encode(encoding)


def generated() -> Iterator[tuple[str, str, str]]:
    """Give language, encoding and text of each file."""
    random = Random(4)
    for language, code_page in CODE_PAGE.items():
        for encoding in (*UNICODE, code_page):
            for _ in range(FILES):
                yield language, encoding, table_of(language, random)


def test_every_file_of_four_languages_is_decoded_as_it_was_written() -> None:
    files = list(generated())
    assert len(files) >= 1_500
    wrong = []
    for language, encoding, text in files:
        found = decode(saved(text, encoding))
        name = encoding.removesuffix("-be with its mark")
        if found is None or (found[0].removeprefix("\ufeff"), found[1]) != (text, name):
            wrong.append((language, encoding, found and found[1], text[:90]))
    assert wrong == []


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


def test_a_swedish_file_of_any_code_page_is_read_like_an_english_one() -> None:
    words = {
        "run_id": "Turkod",
        "vehicle": "Fordon",
        "wheelchair_places": "Rullstolsplatser",
        "days": "Trafikdagar",
        "from": "Gäller från",
        "until": "Gäller till",
        "who_may_ride": "Vem får åka",
        "time_latest": "Senast",
        "time": "Avgångstid",
        "place": "Hållplats",
        "board": "Påstigande",
        "alight": "Avstigande",
        "Mon": "måndag",
        "anyone": "vem som helst",
        "2026-04-01": "1.4.2026",
        "8:00": "kl. 8.00",
    }
    english = text = sheet(TWO_RUNS)
    for one, other in words.items():
        text = re.sub(rf"\b{one}\b(?=,)", other, text)
    for encoding in ("utf-8", "cp1252"):
        file = read(text.encode(encoding), language="sv")
        assert (file.runs, file.errors) == (read(english).runs, ())


def test_a_korean_file_of_the_old_code_page_is_read() -> None:
    words = {"run_id": "운행ID", "days": "운행일", "place": "장소", "time": "시각", "board": "승차", "alight": "하차"}
    text = sheet(TWO_RUNS).replace(",A,", ",서울역,")
    for english, korean in words.items():
        text = text.replace(english, korean, 1)
    file = read(text.encode("cp949"))
    assert (file.encoding, len(file.runs), file.runs[0].stops[0].place_name) == ("cp949", 2, "서울역")
