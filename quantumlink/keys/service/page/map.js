"use strict";
// The map: nodes at their places (or on a circle), hops as lines, the ways of the keys beside them.

const SVG = "http://www.w3.org/2000/svg";

function place(nodes) {
  const known = nodes.filter((node) => node.position);
  const places = {};
  if (known.length < nodes.length || known.length < 2) {
    nodes.forEach((node, i) => {
      const angle = (2 * Math.PI * i) / nodes.length;
      places[node.name] = [320 + 240 * Math.cos(angle), 200 + 150 * Math.sin(angle)];
    });
    return places;
  }
  const middle = known.reduce((sum, node) => sum + node.position[0], 0) / known.length;
  const squeeze = Math.cos((middle * Math.PI) / 180);
  const points = known.map((node) => [node.position[1] * squeeze, -node.position[0]]);
  const low = [0, 1].map((i) => Math.min(...points.map((point) => point[i])));
  const span = [0, 1].map((i) => Math.max(...points.map((point) => point[i])) - low[i] || 1);
  const scale = Math.min(500 / span[0], 320 / span[1]);
  known.forEach((node, k) => {
    places[node.name] = [0, 1].map((i) => (points[k][i] - low[i] - span[i] / 2) * scale + [320, 200][i]);
  });
  return places;
}

function shape(kind, attributes, text) {
  const element = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function drawMap(svg, state) {
  const places = place(state.nodes);
  const shapes = [];
  for (const hop of state.hops) {
    const [a, b] = hop.ends.map((name) => places[name]);
    const line = shape("line", { x1: a[0], y1: a[1], x2: b[0], y2: b[1], class: hop.attacked ? "hop attacked" : "hop" });
    line.append(shape("title", {}, `${hop.ends.join(" – ")}${hop.attacked ? ", under attack" : ""}`));
    shapes.push(line);
  }
  state.links.forEach((link, i) => {
    const shift = 3 + 2.5 * (i - state.links.length / 2);
    const points = link.way.map((name) => places[name].map((x) => x + shift).join(",")).join(" ");
    const way = shape("polyline", { points, class: `way ${link.state}` });
    way.append(shape("title", {}, `${link.name}: ${link.state}, by ${link.way.join(" – ")}`));
    shapes.push(way);
  });
  for (const node of state.nodes) {
    const [x, y] = places[node.name];
    const many = state.nodes.length > 30 && !node.holds_keys;
    shapes.push(shape("circle", { cx: x, cy: y, r: node.holds_keys ? 8 : many ? 2.5 : 6, class: node.holds_keys ? "key" : "" }));
    if (!many) shapes.push(shape("text", { x: x + 11, y: y - 7 }, node.name));
  }
  svg.replaceChildren(...shapes);
}
