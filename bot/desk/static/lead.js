// The lead's page: draws the charts, and brings the page up to date while somebody looks at it.
import { morph } from "./morph.js";

const EVERY = 30000;
const drawn = new Map();
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const numbers = () => JSON.parse(document.getElementById("numbers").textContent);
const columns = (chart) => [chart.labels.map((_, i) => i), ...chart.lines.map((line) => line.values)];

// Two bars stand beside each other, not one before the other.
function series(chart, unit) {
  const bars = chart.lines.filter((line) => line.kind === "bars");
  return chart.lines.map((line, index) => {
    const colour = style(line.bad ? "--bad" : index ? "--focus" : "--main");
    const side = bars.length > 1 ? (bars.indexOf(line) ? 1 : -1) : 0;
    return {
      label: line.name,
      stroke: colour,
      width: line.kind === "bars" ? 0 : 2,
      fill: line.kind === "bars" ? colour : undefined,
      paths: line.kind === "bars" ? uPlot.paths.bars({ size: [side ? 0.4 : 0.7, 36], align: side }) : undefined,
      points: { show: line.kind === "line", size: 5, fill: colour },
      spanGaps: true,
      value: (_, value) => (value == null ? "–" : `${value}${unit}`),
    };
  });
}

function options(chart, width) {
  const unit = chart.unit ? ` ${chart.unit}` : "";
  const label = (i) => chart.labels[i] ?? "";
  const axis = { stroke: style("--soft"), grid: { stroke: style("--line"), width: 1 }, ticks: { show: false } };
  return {
    width,
    height: 220,
    cursor: { drag: { setScale: false }, y: false },
    scales: { x: { time: false, range: [-0.6, chart.labels.length - 0.4] }, y: { range: (_, low, high) => [0, Math.max(high * 1.1, 1)] } },
    axes: [
      { ...axis, grid: { show: false }, space: 46, incrs: [1, 2, 3, 4, 6, 7, 12], values: (_, at) => at.map(label) },
      { ...axis, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] },
    ],
    series: [{ label: chart.corner, value: (_, i) => (i == null ? "–" : label(i)) }, ...series(chart, unit)],
  };
}

function draw() {
  const all = numbers();
  for (const place of document.querySelectorAll("[data-chart]")) {
    const chart = all[place.dataset.chart];
    const known = drawn.get(place);
    if (known && known.labels === chart.labels.join()) {
      known.plot.setData(columns(chart));
      continue;
    }
    known?.plot.destroy();
    const plot = new uPlot(options(chart, place.clientWidth), columns(chart), place);
    drawn.set(place, { plot, labels: chart.labels.join() });
  }
}

function again() {
  for (const { plot } of drawn.values()) plot.destroy();
  drawn.clear();
  draw();
}

async function refresh() {
  if (document.hidden) return;
  const answer = await fetch(location.href, { headers: { "Desk-Part": "yes" } });
  if (!answer.ok) return; // signed out: the live stream says so
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("content");
  if (!fresh) return;
  morph(document.getElementById("content"), fresh);
  draw();
}

draw();
setInterval(() => refresh().catch(() => {}), EVERY);
document.addEventListener("visibilitychange", () => refresh().catch(() => {}));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
new ResizeObserver(() => {
  for (const [place, { plot }] of drawn) if (place.clientWidth !== plot.width) plot.setSize({ width: place.clientWidth, height: 220 });
}).observe(document.getElementById("content"));
