/* Sets the theme before anything is painted: the choice kept on this device, else what the system says. */
(() => {
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    let chosen = "auto";
    try {
      chosen = window.localStorage.getItem("placet.theme") || "auto";
    } catch {
      /* storage may be switched off; the system's choice stands */
    }
    const dark = chosen === "dark" || (chosen !== "light" && system.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
  };
  system.addEventListener("change", apply);
  window.addEventListener("placet:theme", apply);
  apply();
})();
