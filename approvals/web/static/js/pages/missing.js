/** No such page. */
import { h, show } from "../dom.js";
import { setTitle } from "../shell.js";

/** Draw the page. */
export function page(main) {
  setTitle("No such page");
  show(
    main,
    h(
      "div",
      { class: "door" },
      h("h1", { text: "There is no page here" }),
      h("p", { text: "The address is wrong, or the page is not part of this Placet. Nothing was changed." }),
      h("a", { class: "button", href: "/" }, "Go to the inbox"),
    ),
  );
}
