// While a campaign moves, its numbers are fetched again every few seconds; without this script the page reloads itself.
(() => {
  const place = document.querySelector("[data-live]");
  if (!place) return;
  const look = async () => {
    try {
      const answer = await fetch(place.dataset.live, { credentials: "same-origin", redirect: "error" });
      if (answer.ok) {
        const state = place.querySelector("[data-state]")?.dataset.state;
        place.innerHTML = await answer.text(); // from our own server, escaped there
        // Buttons and report depend on the state, so a new one is worth a new page.
        if (place.querySelector("[data-state]")?.dataset.state !== state) return window.location.reload();
      }
    } catch { /* the next round tries again */ }
    setTimeout(look, 3000);
  };
  setTimeout(look, 3000);
})();
