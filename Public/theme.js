// Applies the chosen theme, or the system's, before the page is drawn. Both pages have a select with the id `theme`.
(() => {
  const root = document.documentElement;
  const stored = () => {
    try {
      return localStorage.getItem("theme") ?? "";
    } catch {
      return "";
    }
  };
  const show = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
  };
  show(stored());
  document.addEventListener("DOMContentLoaded", () => {
    const select = document.getElementById("theme");
    select.value = root.dataset.theme ?? "";
    select.addEventListener("change", () => {
      show(select.value);
      try {
        localStorage.setItem("theme", select.value);
      } catch {
        /* Without storage the choice lasts as long as the page. */
      }
    });
  });
  addEventListener("storage", (event) => {
    if (event.key !== "theme") return;
    show(event.newValue);
    document.getElementById("theme").value = root.dataset.theme ?? "";
  });
})();
