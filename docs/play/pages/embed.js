// For a page that embeds these pages by <iframe>: gives each frame its content's height, and furo's light or dark.
// Messages work where the frame is a stranger to the page too, as it is by file:. Without this script frames scroll.
(() => {
  const frames = () => [...document.querySelectorAll("iframe[data-play]")];
  const theme = () => ({ play: "theme", theme: document.body.dataset.theme ?? "auto" });

  addEventListener("message", ({ source, data }) => {
    const frame = frames().find(({ contentWindow }) => contentWindow === source);
    if (!frame || data?.play !== "height" || !(data.height > 0)) return;
    frame.style.height = `${Math.min(Math.ceil(data.height), 4000)}px`;
    source.postMessage(theme(), "*");
  });
  new MutationObserver(() => frames().forEach(({ contentWindow }) => contentWindow.postMessage(theme(), "*"))).observe(
    document.body,
    { attributeFilter: ["data-theme"] },
  );
})();
