(function () {
  "use strict";
  var options = { displayModeBar: false, displaylogo: false, responsive: true, showTips: false };
  var plots = [].slice.call(document.querySelectorAll(".interactive"));
  var numbers = [].slice.call(document.querySelectorAll("details.numbers, details.folded"));

  plots = plots.filter(function (box) {
    try {
      var figure = JSON.parse(document.getElementById(box.getAttribute("data-from")).textContent);
      window.Plotly.newPlot(box, figure.data, figure.layout, options);
      return true;
    } catch (error) { // the numbers stay open beside it
      box.style.display = "none";
      box.parentNode.querySelector("details.numbers").className = "kept";
      return false;
    }
  });

  function fold() {
    numbers.forEach(function (one) { one.open = one.className === "kept"; });
  }
  fold();

  // On paper: as wide as the sheet, with the numbers.
  window.addEventListener("beforeprint", function () {
    numbers.forEach(function (one) { one.open = true; });
    plots.forEach(function (box) { window.Plotly.relayout(box, { autosize: false, width: 470 }); });
  });
  window.addEventListener("afterprint", function () {
    fold();
    plots.forEach(function (box) { window.Plotly.relayout(box, { autosize: true, width: null }); });
  });
})();
