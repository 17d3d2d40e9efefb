// Files dropped anywhere on the page, which shows a hint while files are dragged over it.

const hasFiles = (event) => event.dataTransfer?.types.includes("Files");

/** Passes dropped files to `take`. */
export function takeDrops(take) {
  // The pointer enters an element before it leaves the one around it.
  let depth = 0;
  const show = (value) => {
    depth = Math.max(0, value);
    document.body.classList.toggle("dropping", depth > 0);
  };
  addEventListener("dragenter", (event) => {
    if (hasFiles(event)) show(depth + 1);
  });
  addEventListener("dragleave", (event) => {
    if (hasFiles(event)) show(depth - 1);
  });
  addEventListener("dragover", (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    show(0);
    take(event.dataTransfer.files);
  });
}
