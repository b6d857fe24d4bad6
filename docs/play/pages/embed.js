// For a page that embeds these pages by <iframe>: gives each frame its content's height, and furo's light or dark.
// Messages work where the frame is a stranger to the page too, as it is by file:. Without this script frames scroll.
(() => {
  const frames = () => [...document.querySelectorAll("iframe[data-play]")];
  const tell = ({ contentWindow }) =>
    contentWindow.postMessage({ play: "theme", theme: document.body.dataset.theme ?? "auto" }, "*");

  addEventListener("message", ({ source, data }) => {
    const frame = frames().find(({ contentWindow }) => contentWindow === source);
    if (!frame || data?.play !== "height" || !(data.height > 0)) return;
    frame.style.height = `${Math.min(Math.ceil(data.height), 4000)}px`;
    tell(frame);
  });
  const tellAll = () => frames().forEach(tell);
  new MutationObserver(tellAll).observe(document.body, { attributeFilter: ["data-theme"] });
  tellAll(); // a frame that was ready before this script: what it hears changes its height, and it tells that
})();
