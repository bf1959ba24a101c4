"use strict";
// The page: hears the state by server-sent events, shows it, and sends the operator's orders.

const byId = (id) => document.getElementById(id);
const percent = (x) => `${(100 * x).toFixed(2)} %`;
const clock = (s) => new Date(1000 * s).toLocaleTimeString();
const day = (s) => (s === null ? "none" : new Date(1000 * s).toISOString().slice(0, 10));
const size = (n) => (n < 10240 ? `${n} B` : n < 10485760 ? `${Math.round(n / 1024)} KiB` : `${Math.round(n / 1048576)} MiB`);
const COLORS = ["#1f77b4", "#d95f02", "#1b9e77", "#a05195", "#8c6d31", "#e7298a", "#66a61e", "#17a2b8"];
const stored = new Map();
const used = new Map();
const charts = {};
let lastEvent = 0;

function cell(content, kind) {
  const td = document.createElement("td");
  td.append(content);
  if (kind) td.className = kind;
  return td;
}

function row(cells) {
  const tr = document.createElement("tr");
  tr.append(...cells);
  return tr;
}

async function order(path, body) {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) byId("connection").textContent = (await answer.json()).message;
}

function errorRate(found) {
  if (!found) return cell("not yet", "soft");
  const text = `${percent(found.best)} [${percent(found.low)}, ${percent(found.high)}]`;
  return cell(text, found.low > found.expected + 0.01 ? "bad" : "");
}

function button(text, label, act) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = text;
  element.setAttribute("aria-label", label);
  element.addEventListener("click", act);
  return element;
}

function usedRate(link) {
  const [[since, before], [now, after]] = [used.get(link.name)[0], used.get(link.name).at(-1)];
  return now > since ? `${((8 * (after - before)) / (now - since)).toFixed(1)} bit/s` : "not yet";
}

function linkRow(link) {
  const kind = { well: "good", rerouted: "warn", down: "bad" }[link.state];
  const level = document.createElement("meter");
  Object.assign(level, { min: 0, max: link.capacity_bytes, low: link.low_water_bytes, value: link.stored_bytes });
  level.setAttribute("aria-label", `stored of ${link.name}`);
  const amount = document.createElement("span");
  amount.append(level, ` ${size(link.stored_bytes)}${link.is_low ? ", low" : ""}`);
  const actions = document.createElement("span");
  if (link.quarantined_bytes || link.state !== "well") {
    for (const action of ["burn", "release"])
      actions.append(button(action, `${action} what is held back of ${link.name}`, () =>
        order("/api/quarantine", { link: link.name, action })));
  }
  return row([
    cell(link.name), cell(link.state, kind), cell(link.way.join(" – ")), cell(amount, link.is_low ? "warn" : ""),
    cell(size(link.quarantined_bytes), link.quarantined_bytes ? "warn" : ""), cell(`${link.rate_bit_s.toFixed(1)} bit/s`), cell(usedRate(link)),
    errorRate(link.qber.Z), errorRate(link.qber.X),
    cell(`${link.consumed_keys}${link.failed_requests ? `, ${link.failed_requests} refused` : ""}`), cell(actions),
  ]);
}

function plural(table, counts) {
  const rows = Object.entries(counts).sort();
  const shown = rows.length ? rows.map(([name, n]) => row([cell(name), cell(String(n), "number")])) : [row([cell("none", "soft")])];
  table.tBodies[0].replaceChildren(...shown);
}

function draw(id, names, data, unit) {
  const holder = byId(id);
  const ink = getComputedStyle(document.body).color;
  if (charts[id] && charts[id].names === names.join()) {
    charts[id].plot.setData(data);
    return;
  }
  if (charts[id]) charts[id].plot.destroy();
  const axis = { stroke: ink, grid: { stroke: "#8884", width: 1 }, ticks: { stroke: "#8886" } };
  const options = {
    width: Math.max(280, holder.clientWidth), height: 230, axes: [axis, { ...axis, size: 60, label: unit, labelSize: 18 }],
    series: [{}, ...names.map((name, i) => ({ label: name, stroke: COLORS[i % COLORS.length], width: 2, points: { show: false } }))],
  };
  charts[id] = { names: names.join(), plot: new uPlot(options, data, holder) };
  for (const legend of holder.querySelectorAll("table")) legend.setAttribute("role", "presentation");
}

function chartData(links, curve) {
  const times = [...new Set(links.flatMap((link) => curve(link).map((point) => point[0])))].sort((a, b) => a - b);
  const lines = links.map((link) => {
    const values = new Map(curve(link));
    let last = null;
    return times.map((time) => (last = values.has(time) ? values.get(time) : last));
  });
  return [times, ...lines];
}

function show(state) {
  byId("network").textContent = state.network ? `– ${state.network}` : "";
  byId("connection").textContent = `live, ${clock(state.at_s)}`;
  byId("attack").hidden = !state.hops.length;
  byId("simulated").hidden = !state.simulated;
  drawMap(byId("map"), state);
  for (const link of state.links) {
    const line = used.get(link.name) || used.set(link.name, []).get(link.name);
    line.push([state.at_s, link.ledger.delivered + link.ledger.relayed + link.ledger.authentication]);
    while (line.length > 2 && line[0][0] < state.at_s - 60) line.shift();
  }
  const hops = byId("hop");
  if (hops.options.length !== state.hops.length)
    hops.replaceChildren(...state.hops.map((hop) => new Option(hop.ends.join(" – "), hop.number)));
  if (!byId("links").contains(document.activeElement) || document.activeElement === document.body)
    byId("links").tBodies[0].replaceChildren(...state.links.map(linkRow));
  const troubled = state.links.filter((link) => link.state !== "well");
  const text = troubled.map((link) => `${link.name}: ${link.state}`).join("; ");
  const alarm = byId("alarm");
  alarm.hidden = !troubled.length;
  if (troubled.length && alarm.textContent !== `Alarm. ${text}`) alarm.textContent = `Alarm. ${text}`;
  const newest = state.events.length ? state.events[state.events.length - 1].at_s : 0;
  if (newest !== lastEvent) {
    lastEvent = newest;
    byId("events").replaceChildren(...state.events.slice().reverse().map((event) => {
      const item = document.createElement("li");
      const time = document.createElement("time");
      time.textContent = clock(event.at_s);
      const kind = document.createElement("strong");
      kind.textContent = `${event.kind}: `;
      if (["alarm", "mode alarm", "attack", "no way", "fault"].includes(event.kind)) kind.className = "bad";
      item.append(time, kind, event.text);
      return item;
    }));
  }
  byId("relays-section").hidden = !state.relays.length;
  byId("relays").tBodies[0].replaceChildren(...state.relays.map((each) =>
    row([cell(each.ends.join(" – ")), cell(each.way ? each.way.join(" – ") : "none", each.way ? "" : "bad"), cell(size(each.stored_bytes))])));
  plural(byId("answered"), state.answered);
  plural(byId("refused"), state.refused);
  byId("mode-default").textContent = state.modes.default;
  byId("modes").tBodies[0].replaceChildren(...(state.modes.below.length
    ? state.modes.below.map((each) => row([cell(each.pair.join(" – "), "bad"), cell(each.why)])) : [row([cell("none", "soft")])]));
  byId("certificates").tBodies[0].replaceChildren(...state.certificates.map((each) =>
    row([cell(each.node), cell(day(each.expires_at_s)), cell(day(each.list_expires_at_s))])));
  for (const link of state.links) {
    const line = stored.get(link.name) || stored.set(link.name, []).get(link.name);
    line.push([state.at_s, link.stored_bytes / 32]);
    if (line.length > 300) line.shift();
  }
  const names = state.links.slice(0, 12).map((link) => link.name);
  const shown = state.links.slice(0, 12);
  draw("qber-chart", names, chartData(shown, (link) => link.history.map((h) => [h.at_s, 50 * (h.qber_z + h.qber_x)])), "QBER, %");
  draw("store-chart", names, chartData(shown, (link) => stored.get(link.name)), "keys of 256 bits");
}

byId("attack").addEventListener("submit", (event) => {
  event.preventDefault();
  order("/api/attack", { hop: Number(byId("hop").value), fraction: Number(byId("fraction").value) });
});
byId("stop-button").addEventListener("click", () => {
  for (const option of byId("hop").options) order("/api/attack", { hop: Number(option.value), fraction: 0 });
});
window.addEventListener("resize", () => {
  for (const [id, chart] of Object.entries(charts)) chart.plot.setSize({ width: Math.max(280, byId(id).clientWidth), height: 230 });
});

const source = new EventSource("/api/events");
source.addEventListener("state", (event) => show(JSON.parse(event.data)));
source.addEventListener("error", () => (byId("connection").textContent = "no connection, trying again"));
