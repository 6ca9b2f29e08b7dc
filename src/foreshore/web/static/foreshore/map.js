// Draws the attack map from the server's summary; the list below says the same without it.
(function () {
  "use strict";
  var WIDE = 138, HIGH = 62, MOST = 11; // room for a thing in pixels, and how many stand above each other
  var map = null, found = null, near = 0;
  function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }
  function short(text) { return text.length > 44 ? text.slice(0, 42) + "…" : text; }
  function by(id) { return document.getElementById(id); }

  // Where each thing stands: columns from left to right, a crowded one split; spread over all the room there is.
  function placed(nodes, wide, high) {
    var columns = {}, stacks = [], places = {};
    nodes.forEach(function (one) { (columns[one.column] = columns[one.column] || []).push(one); });
    Object.keys(columns).map(Number).sort(function (a, b) { return a - b; }).forEach(function (number) {
      var all = columns[number], parts = Math.ceil(all.length / MOST), each = Math.ceil(all.length / parts);
      for (var at = 0; at < all.length; at += each) stacks.push(all.slice(at, at + each));
    });
    var across = Math.max(WIDE, (wide - WIDE - 16) / Math.max(1, stacks.length - 1));
    stacks.forEach(function (stack, number) {
      var room = Math.max(high, HIGH * Math.max.apply(null, stacks.map(function (one) { return one.length; })));
      stack.forEach(function (one, row) { places[one.id] = { x: number * across, y: (row + 0.5) * room / stack.length }; });
    });
    return places;
  }

  // The shortest ways from an entry to each service: these stand out.
  function shortest(nodes, edges) {
    var ahead = {}, before = {}, level = [], main = {};
    edges.forEach(function (one, number) { (ahead[one.source] = ahead[one.source] || []).push([one.target, number, one.steps]); });
    nodes.forEach(function (one) { if (one.kind === "entry") { before[one.id] = null; level.push(one.id); } });
    while (level.length) {
      var next = [];
      level.forEach(function (id) {
        (ahead[id] || []).sort(function (a, b) { return b[2] - a[2]; }).forEach(function (way) {
          if (way[0] in before) return;
          before[way[0]] = [id, way[1]];
          next.push(way[0]);
        });
      });
      level = next;
    }
    nodes.forEach(function (one) {
      if (one.kind !== "service" && one.kind !== "foundation") return;
      for (var at = before[one.id]; at; at = before[at[0]]) main[at[1]] = true;
    });
    return main;
  }

  function elements(data, wide, high) {
    var places = placed(data.nodes, wide, high), main = shortest(data.nodes, data.edges);
    var many = Math.max.apply(null, data.edges.map(function (one) { return one.steps; }).concat([1]));
    return data.nodes.map(function (one) {
      var said = short(one.name) + (one.assets > 1 ? "\n" + one.assets.toLocaleString() : "") + (one.junctions ? " ◆" : "");
      return { data: { id: one.id, label: said, name: one.name, kind: one.kind, bad: one.act_now > 0 ? 1 : 0, open: one.open }, position: places[one.id] };
    }).concat(data.edges.map(function (one, number) {
      return { data: { id: "way" + number, source: one.source, target: one.target, main: main[number] ? 1 : 0, width: 1 + 3 * Math.log(1 + one.steps) / Math.log(1 + many) } };
    }));
  }

  function sheet() {
    return [
      { selector: "node", style: { shape: "round-rectangle", width: 124, height: 48, label: "data(label)", "text-valign": "center", "text-wrap": "wrap", "text-max-width": 116, "font-size": 12, "line-height": 1.15, "font-family": "system-ui, sans-serif", color: colour("--ink"), "background-color": colour("--paper"), "border-width": 1, "border-color": colour("--soft") } },
      { selector: "node[kind = 'entry']", style: { shape: "round-tag", "border-style": "dashed", "background-color": colour("--ground"), "text-margin-x": -6, "text-max-width": 100 } },
      { selector: "node[kind = 'service']", style: { "background-color": colour("--accent-soft"), "border-color": colour("--accent"), "border-width": 2 } },
      { selector: "node[kind = 'foundation']", style: { "background-color": colour("--accent-soft") } },
      { selector: "node[kind = 'asset']", style: { shape: "ellipse" } },
      { selector: "node[bad = 1]", style: { "border-color": colour("--bad"), "border-width": 3 } },
      { selector: "edge", style: { width: "data(width)", "curve-style": "bezier", "target-arrow-shape": "triangle", "arrow-scale": 0.7, "line-color": colour("--line"), "target-arrow-color": colour("--line"), "z-index": 1 } },
      { selector: "edge[main = 1]", style: { width: 2.4, "line-color": colour("--soft"), "target-arrow-color": colour("--soft"), "arrow-scale": 1, "z-index": 5 } },
      { selector: ".near", style: { "line-color": colour("--accent"), "target-arrow-color": colour("--accent"), "z-index": 9 } },
      { selector: "edge.far", style: { opacity: 0.15 } }, { selector: "node.far", style: { opacity: 0.35 } },
      { selector: "node.chosen", style: { "border-color": colour("--accent"), "border-width": 4, "border-style": "solid" } }
    ];
  }

  function choose(node, ask) {
    map.elements().removeClass("near far chosen");
    if (!node || !node.length) return;
    map.elements().not(node.closedNeighborhood()).addClass("far");
    node.addClass("chosen").connectedEdges().addClass("near");
    by("map-said").textContent = node.data("name") + ": " + node.outgoers("node").map(function (one) { return one.data("name"); }).join(", ");
    if (ask && window.htmx) window.htmx.ajax("GET", "/map/beside/?" + new URLSearchParams({ id: node.id(), open: found.expanded }), { target: "#beside", swap: "innerHTML" });
  }

  // Arrow keys walk from thing to thing, Enter tells of one, Escape lets go.
  function keys(event) {
    var here = map.nodes(".chosen"), way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "Escape") return choose(null);
    if (event.key === "Enter" && here.length) return choose(here, true);
    if (event.key === "+" || event.key === "-") return zoom(event.key === "+" ? 1.25 : 0.8);
    if (!way) return;
    event.preventDefault();
    if (!here.length) return choose(map.nodes().first());
    var at = here.position(), best = null, least = Infinity;
    map.nodes().forEach(function (one) {
      var x = one.position("x") - at.x, y = one.position("y") - at.y, along = x * way[0] + y * way[1];
      if (along < 20) return;
      var far = along + 3 * Math.abs(way[0] ? y : x);
      if (far < least) { least = far; best = one; }
    });
    if (best) { choose(best); if (map.zoom() > 1) map.center(best); }
  }

  function zoom(by_) { map.zoom({ level: map.zoom() * by_, renderedPosition: { x: map.width() / 2, y: map.height() / 2 } }); }

  function draw(place, data) {
    found = data;
    if (map) map.destroy();
    map = window.cytoscape({
      container: place, elements: elements(data, place.clientWidth, place.clientHeight - 20), style: sheet(), layout: { name: "preset", fit: true, padding: 10 },
      minZoom: 0.15, maxZoom: 3, boxSelectionEnabled: false, autounselectify: true, userZoomingEnabled: window.matchMedia("(pointer: coarse)").matches
    });
    // In a narrow window all of it would be too small to read: begin where attackers do, the rest is a drag away.
    if (map.zoom() < 0.55) { map.zoom(0.75); map.center(map.nodes()); map.panBy({ x: map.pan("x") < 0 ? 12 - map.elements().renderedBoundingBox().x1 : 0, y: 0 }); }
    map.on("tap", "node", function (event) { choose(event.target, true); });
    map.on("dbltap", "node", function (event) {
      var zone = event.target.data("open");
      if (zone) window.location.assign("/map/?" + new URLSearchParams({ open: zone }));
    });
    map.on("tap", function (event) { if (event.target === map) choose(null); });
    place.dataset.drawn = String(++near);
  }

  document.addEventListener("DOMContentLoaded", function () {
    var place = by("map");
    if (!place || !window.cytoscape) return;
    // The library's own sheet would be inline, which our pages refuse: app.css holds its one rule.
    var meta = document.createElement("meta");
    meta.id = "__________cytoscape_stylesheet";
    document.head.appendChild(meta);
    function load() {
      return fetch(place.dataset.map, { credentials: "same-origin" }).then(function (answer) { return answer.json(); }).then(function (data) { draw(place, data); });
    }
    load();
    place.addEventListener("keydown", function (event) { if (map && !event.ctrlKey && !event.metaKey && !event.altKey) keys(event); });
    document.querySelectorAll("[data-zoom]").forEach(function (button) {
      button.hidden = false;
      button.addEventListener("click", function () { if (!map) return; if (button.dataset.zoom === "fit") map.fit(undefined, 10); else zoom(Number(button.dataset.zoom)); });
    });
    // Key junctions come after the map where they take long to find: then it is drawn again with their marks.
    document.addEventListener("htmx:afterSettle", function () {
      if (found && !found.junctions && document.querySelector("#junctions .answer")) { found.junctions = true; load(); }
    });
  });
})();
