// Small things that every page shares; each works without it as well.
(function () {
  "use strict";
  // j and k walk through the rows of a list, Enter opens one, / goes to the query.
  document.addEventListener("keydown", function (event) {
    var field = event.target.closest("input, textarea, select, [contenteditable]");
    if (field || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") {
      var query = document.querySelector("[data-query]");
      if (query) { event.preventDefault(); query.focus(); }
      return;
    }
    if (event.key !== "j" && event.key !== "k") return;
    var rows = Array.prototype.slice.call(document.querySelectorAll("[data-row] a[data-open]"));
    if (!rows.length) return;
    var at = rows.indexOf(document.activeElement);
    var next = event.key === "j" ? Math.min(at + 1, rows.length - 1) : Math.max(at - 1, 0);
    rows[next].focus();
  });
  // Copy what a button names.
  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-copy]");
    if (!button || !navigator.clipboard) return;
    var source = document.getElementById(button.dataset.copy);
    navigator.clipboard.writeText(source ? source.innerText : "").then(function () {
      button.setAttribute("aria-label", button.dataset.copied || "Copied");
      button.classList.add("done");
    });
  });
  // Charts: <figure data-chart="ID of a script of JSON options">; the table beside it says the same in words.
  window.foreshoreChart = function (root) {
    if (!window.echarts) return;
    root.querySelectorAll("[data-chart]").forEach(function (place) {
      var options = JSON.parse(document.getElementById(place.dataset.chart).textContent);
      var style = getComputedStyle(document.documentElement);
      var ink = style.getPropertyValue("--ink").trim(), soft = style.getPropertyValue("--soft").trim(), line = style.getPropertyValue("--line").trim();
      options.textStyle = { color: ink, fontFamily: "inherit" };
      ["xAxis", "yAxis"].forEach(function (name) {
        var axis = options[name];
        if (!axis) return;
        axis.axisLine = Object.assign({}, axis.axisLine, { lineStyle: { color: soft } });
        axis.axisLabel = Object.assign({}, axis.axisLabel, { color: soft });
        axis.splitLine = Object.assign({}, axis.splitLine, { lineStyle: { color: line } });
        axis.nameTextStyle = name === "yAxis" ? { color: soft, align: "left" } : { color: soft };
      });
      if (options.legend) options.legend.textStyle = { color: ink };
      if (options.tooltip) Object.assign(options.tooltip, { backgroundColor: style.getPropertyValue("--paper").trim(), borderColor: line, textStyle: { color: ink } });
      options.animation = false;
      var chart = window.echarts.init(place, null, { renderer: "svg" });
      chart.setOption(options);
      new ResizeObserver(function () { chart.resize(); }).observe(place);
    });
  };
  document.addEventListener("DOMContentLoaded", function () { window.foreshoreChart(document); });
  document.addEventListener("htmx:afterSettle", function (event) { window.foreshoreChart(event.target); });
})();
