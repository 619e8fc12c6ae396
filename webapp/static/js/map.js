// Draws the area's own roads (PMTiles), a run's line and its numbered stops. The same stops always stand in a list beside.
import { addProtocol, LngLatBounds, Map as RoadMap, NavigationControl } from "../vendor/maplibre-gl.mjs";

export const LATIN_AND_CJK = "Noto Sans, Hiragino Sans, Noto Sans JP, Noto Sans CJK JP, Yu Gothic, Meiryo, sans-serif";
const FONT = ["Noto Sans Regular"];
const BOLD = ["Noto Sans Bold"];
const DAY = { land: "#f3eee2", road: "#ffffff", edge: "#cfc6b2", word: "#43524c", run: "#0d4a3b", stop: "#b3401a" };
const NIGHT = { land: "#16211c", road: "#33443c", edge: "#0d1511", word: "#c9d2cb", run: "#8fd3b6", stop: "#ff9a66" };
const MAJOR = ["motorway", "trunk", "primary", "secondary"];

export const colours = matchMedia("(prefers-color-scheme: dark)").matches ? NIGHT : DAY;
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;

for (const figure of document.querySelectorAll("[data-map]")) {
  draw(figure).catch((error) => {
    figure.classList.remove("is-drawable");
    console.warn("The map cannot be drawn; its list of stops stands.", error);
  });
}

async function draw(figure) {
  readStyles();
  const { run, stops, words, label } = figure.dataset;
  const tiles = JSON.parse(figure.dataset.tiles);
  if (tiles.length) await readTiles();
  const features = [...JSON.parse(figure.dataset.lines ?? "[]").map(asLine), ...(await load(run, stops))];
  figure.classList.add("is-drawable"); // the canvas must have a size before the map is made
  const map = new RoadMap({
    container: figure.querySelector(".map__canvas"),
    style: style(tiles),
    bounds: boundsOf(features),
    fitBoundsOptions: { padding: 48, maxZoom: 15 },
    locale: { ...JSON.parse(words), "Map.Title": label },
    localIdeographFontFamily: LATIN_AND_CJK,
    attributionControl: false,
    cooperativeGestures: true,
    fadeDuration: calm ? 0 : 300,
  });
  map.addControl(new NavigationControl({ showCompass: false }));
  await map.once("load");
  addRun(map, features);
  figure.dataset.drawn = "yes";
  document.addEventListener("htmx:after:swap", async () => {
    map.getSource("run").setData(collection(await load(run, stops)));
  });
}

export function readStyles() {
  const href = new URL("../vendor/maplibre-gl.css", import.meta.url).href;
  if (document.querySelector(`link[href="${href}"]`)) return;
  document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href }));
}

/** PMTiles is a classic script: its module form names a bare dependency, which a strict CSP leaves unresolved. */
export async function readTiles() {
  if (globalThis.pmtiles) return;
  await new Promise((resolve, reject) => {
    const source = new URL("../vendor/pmtiles.js", import.meta.url).href;
    document.head.append(Object.assign(document.createElement("script"), { src: source, onload: resolve, onerror: reject }));
  });
  addProtocol("pmtiles", new pmtiles.Protocol().tile);
}

async function load(run, stops) {
  const answer = run ? await fetch(run) : null;
  const lines = answer?.ok ? (await answer.json()).features : [];
  return mergeStops([...lines, ...JSON.parse(stops).map(asPoint)]);
}

function asPoint({ lon, lat, ...properties }) {
  return { type: "Feature", geometry: { type: "Point", coordinates: [lon, lat] }, properties };
}

function asLine({ coordinates, ...properties }) {
  return { type: "Feature", geometry: { type: "LineString", coordinates }, properties };
}

/** A run may visit a place twice: one point then, with both numbers. */
function mergeStops(features) {
  const points = new Map();
  for (const feature of features.filter(({ geometry }) => geometry.type === "Point")) {
    const place = feature.geometry.coordinates.join();
    const label = [points.get(place)?.properties.label, feature.properties.label].filter(Boolean).join(" · ");
    points.set(place, { ...feature, properties: { ...feature.properties, label } });
  }
  return [...features.filter(({ geometry }) => geometry.type !== "Point"), ...points.values()];
}

function boundsOf(features) {
  const bounds = new LngLatBounds();
  for (const { geometry } of features) {
    for (const position of pairs(geometry.coordinates)) bounds.extend(position);
  }
  return bounds.isEmpty() ? undefined : bounds;
}

function pairs(coordinates) {
  return typeof coordinates[0] === "number" ? [coordinates] : coordinates.flatMap(pairs);
}

export function style(tiles) {
  const background = { id: "land", type: "background", paint: { "background-color": colours.land } };
  const areas = tiles.map((url, k) => [`roads-${k}`, { type: "vector", url: `pmtiles://${new URL(url, location)}` }]);
  const names = areas.map(([area]) => area);
  const layers = [
    background,
    ...names.map((area) => road(area, "edge", 2)),
    ...names.map((area) => road(area, "road", 0)),
    ...names.map(streetNames),
  ];
  return { version: 8, sources: Object.fromEntries(areas), layers };
}

function road(area, colour, wider) {
  const major = ["in", ["get", "highway"], ["literal", MAJOR]];
  const width = (zoom, wide, narrow) => [zoom, ["case", major, wide + wider, narrow + wider * 0.6]];
  return {
    id: `${area}-${colour}`, type: "line", source: area, "source-layer": "roads",
    layout: { "line-cap": "round", "line-join": "round" },
    paint: {
      "line-color": colours[colour],
      "line-width": ["interpolate", ["exponential", 1.5], ["zoom"],
        ...width(11, 1.2, 0.4), ...width(14, 4, 1.8), ...width(17, 14, 8)],
    },
  };
}

function streetNames(area) {
  return {
    id: `${area}-names`, type: "symbol", source: area, "source-layer": "roads", minzoom: 13, filter: ["has", "name"],
    layout: {
      "symbol-placement": "line", "symbol-spacing": 320, "text-field": ["get", "name"],
      "text-font": FONT, "text-size": 13, "text-max-angle": 30, "text-padding": 8,
    },
    paint: { "text-color": colours.word, "text-halo-color": colours.road, "text-halo-width": 1.6 },
  };
}

function addRun(map, features) {
  const under = map.getStyle().layers.find(({ type }) => type === "symbol")?.id;
  const line = { type: "line", source: "run", filter: ["!=", ["geometry-type"], "Point"] };
  const layout = { "line-cap": "round", "line-join": "round" };
  map.addSource("run", { type: "geojson", data: collection(features) });
  map.addLayer({ ...line, id: "run-edge", layout, paint: { "line-color": colours.road, "line-width": 9 } }, under);
  map.addLayer({ ...line, id: "run", layout, paint: { "line-color": ["coalesce", ["get", "colour"], colours.run], "line-width": ["coalesce", ["get", "width"], 5] } }, under);
  map.addImage("arrow", arrowHead());
  map.addLayer(arrows());
  for (const layer of stopLayers()) map.addLayer(layer);
}

function arrows() {
  const layout = { "symbol-placement": "line", "symbol-spacing": 80, "icon-image": "arrow", "icon-size": 0.5 };
  return { id: "arrows", type: "symbol", source: "run", filter: ["!=", ["geometry-type"], "Point"], layout };
}

/** An arrow head of the run's colour, drawn here because no sprite is fetched. */
function arrowHead() {
  const pen = new OffscreenCanvas(40, 40).getContext("2d");
  pen.fillStyle = colours.run;
  pen.strokeStyle = colours.road;
  pen.lineWidth = 4;
  const outline = new Path2D("M8 5 L35 20 L8 35 L14 20 Z");
  pen.fill(outline);
  pen.stroke(outline);
  return pen.getImageData(0, 0, 40, 40);
}

function stopLayers() {
  const stop = { source: "run", filter: ["==", ["geometry-type"], "Point"] };
  const colour = ["case", ["==", ["get", "kind"], "done"], colours.word, ["==", ["get", "kind"], "resident"], colours.stop, colours.run];
  return [
    {
      ...stop, id: "stops", type: "circle",
      paint: { "circle-radius": ["case", [">", ["length", ["get", "label"]], 2], 22, 14], "circle-color": colour, "circle-stroke-color": colours.road, "circle-stroke-width": 3 },
    },
    {
      ...stop, id: "stop-numbers", type: "symbol",
      layout: { "text-field": ["get", "label"], "text-font": BOLD, "text-size": 14, "text-allow-overlap": true },
      paint: { "text-color": colours.land },
    },
  ];
}

function collection(features) {
  return { type: "FeatureCollection", features };
}
