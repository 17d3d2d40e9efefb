// Tables of numbers: the first column names the row, the others are right-aligned.
import {element} from "./element.js";

/** A table with a caption for screen readers. */
export function dataTable(caption, heads, rows) {
  return element(
    "table",
    {class: "figures"},
    element("caption", {class: "unseen"}, caption),
    element(
      "thead",
      {},
      element(
        "tr",
        {},
        heads.map((head) => element("th", {scope: "col"}, head)),
      ),
    ),
    element(
      "tbody",
      {},
      rows.map(([name, ...values]) =>
        element(
          "tr",
          {},
          element("th", {scope: "row"}, name),
          values.map((value) => element("td", {}, value)),
        ),
      ),
    ),
  );
}
