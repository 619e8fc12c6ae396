// A place by a tap on the map, or where one is now: said in words, then confirmed. The field above does the same by name.
const NEAR = 15;

for (const form of document.querySelectorAll("[data-pin]")) offer(form);

function offer(form) {
  const words = JSON.parse(form.dataset.words);
  const figure = form.querySelector(".map");
  const said = form.querySelector("[role=status]");
  const taken = form.querySelector("[data-pin-take]");
  let map, marker, asked = 0;

  form.hidden = false;
  form.querySelector("[data-pin-here]").hidden = !navigator.geolocation;
  form.querySelector("[data-pin-here]").addEventListener("click", () => {
    tell(words.looking);
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => put(coords.longitude, coords.latitude, true),
      () => tell(words.unknown),
      { enableHighAccuracy: true, timeout: 20000, maximumAge: 60000 },
    );
  });
  form.querySelector("[data-pin-map]").addEventListener("click", async ({ currentTarget }) => {
    currentTarget.hidden = true;
    figure.hidden = false;
    try {
      await draw();
      map.getCanvas().focus();
    } catch (error) {
      figure.hidden = true;
      console.warn("The map cannot be drawn; places are found by their names.", error);
    }
  });
  form.querySelector("[data-pin-middle]").addEventListener("click", () => {
    if (!map) return;
    const { lng, lat } = map.getCenter();
    put(lng, lat);
  });

  async function draw() {
    const { Map: RoadMap, Marker, NavigationControl } = await import("../vendor/maplibre-gl.mjs");
    const roads = await import("./map.js");
    const tiles = JSON.parse(form.dataset.tiles);
    const centre = JSON.parse(form.dataset.centre);
    roads.readStyles();
    if (tiles.length) await roads.readTiles();
    map = new RoadMap({
      container: figure.querySelector(".map__canvas"),
      style: roads.style(tiles),
      ...(centre.length ? { center: centre, zoom: NEAR } : { bounds: JSON.parse(form.dataset.bounds) }),
      locale: { ...words, "Map.Title": form.dataset.label },
      localIdeographFontFamily: roads.LATIN_AND_CJK,
      attributionControl: false,
    });
    map.addControl(new NavigationControl({ showCompass: false }));
    marker = new Marker({ color: roads.colours.stop });
    map.on("click", ({ lngLat }) => put(lngLat.lng, lngLat.lat));
    await map.once("load");
    figure.dataset.drawn = "yes";
  }

  async function put(lon, lat, move = false) {
    const turn = ++asked;
    marker?.setLngLat([lon, lat]).addTo(map);
    if (move) map?.jumpTo({ center: [lon, lat], zoom: NEAR });
    tell(words.looking);
    const headers = { "X-CSRFToken": form.elements.csrf_token.value };
    try {
      const body = new URLSearchParams({ lat, lon });
      const answer = await fetch(form.dataset.pin, { method: "POST", headers, body, redirect: "error" });
      const { token, said } = await answer.json();
      if (turn === asked) tell(said, token);
    } catch {
      if (turn === asked) tell(words.unknown);
    }
  }

  function tell(sentence, token = "") {
    said.textContent = sentence;
    Object.assign(taken, { name: "place", value: token });
    taken.hidden = !token;
  }
}
