/**
 * Who sits here.
 *
 * Rule: asked once, and the same in all tabs. It is a name, not a login: a real chat gives the server's `principal` what its own login says.
 */
const KEY = "person";

/** Resolves with `{ id, name }`. @param dialog Asks for the name. */
export function whoAmI(dialog) {
  const known = localStorage.getItem(KEY);
  if (known) return Promise.resolve(JSON.parse(known));
  return new Promise((resolve) => {
    const form = dialog.querySelector("form");
    // Escape would leave a page that nobody sits at.
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    form.addEventListener("submit", () => {
      const person = { id: crypto.randomUUID(), name: form.elements.name.value.trim() || "Somebody" };
      localStorage.setItem(KEY, JSON.stringify(person));
      resolve(person);
    });
    dialog.showModal();
  });
}

/** The colour of somebody, always the same. */
export function hueOf(id) {
  return Number.parseInt(id.slice(0, 4), 16) % 360;
}
