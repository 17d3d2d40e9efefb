// Shows a model's text: paragraphs, headings, lists, fenced code, inline code and bold. `blocks` splits text into plain
// values. `TextView` shows them and replaces only changed blocks while a reply grows. Other markup stays as written.
import {element} from "./element.js";

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([^`]*)$/;
const ITEM = /^( {0,3})([-*+]|(\d{1,9})[.)])\s+(.*)$/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/;

/**
 * The blocks of a text: `{kind: "code", language, text}`, `{kind: "list", start, items}` (start null for bullets),
 * `{kind: "heading" | "paragraph", text}`.
 */
export function blocks(text) {
  const result = [];
  let fence = null,
    last = null;
  const add = (block) => result.push((last = block));
  for (const line of text.replace(/\r\n?/g, "\n").split("\n")) {
    if (fence) {
      const close = FENCE.exec(line);
      if (close && close[1][0] === fence[0] && close[1].length >= fence.length && !close[2]) {
        fence = last = null;
      } else {
        last.text += `${line}\n`;
      }
      continue;
    }
    let match;
    if ((match = FENCE.exec(line))) {
      fence = match[1];
      add({kind: "code", language: match[2].trim(), text: ""});
    } else if ((match = HEADING.exec(line))) {
      add({kind: "heading", text: match[2]});
      last = null;
    } else if ((match = ITEM.exec(line))) {
      const start = match[3] === undefined ? null : Number(match[3]);
      if (last?.kind !== "list" || (last.start === null) !== (start === null)) add({kind: "list", start, items: []});
      last.items.push(match[4]);
    } else if (line.trim() === "") {
      // A blank line ends a paragraph; a list continues if another item follows.
      if (last?.kind !== "list") last = null;
    } else if (last?.kind === "list" && /^\s{2,}/.test(line)) {
      last.items[last.items.length - 1] += `\n${line.trim()}`;
    } else if (last?.kind === "paragraph") {
      last.text += `\n${line}`;
    } else {
      add({kind: "paragraph", text: line});
    }
  }
  return result;
}

/** The nodes of a line of text: code between backticks, bold between double asterisks. */
export function inline(text) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(/(`+)([^`]|[^`][^]*?[^`])\1(?!`)|\*\*(?=\S)([^*]+?)(?<=\S)\*\*/g)) {
    nodes.push(text.slice(end, match.index));
    nodes.push(match[1] ? element("code", {}, match[2]) : element("strong", {}, match[3]));
    end = match.index + match[0].length;
  }
  nodes.push(text.slice(end));
  return nodes.filter((node) => node !== "");
}

function node(block) {
  switch (block.kind) {
    case "code":
      return element(
        "pre",
        {tabindex: "0", "aria-label": block.language ? `Code, ${block.language}` : "Code", role: "region", dir: "ltr"},
        element("code", {}, block.text.replace(/\n$/, "")),
      );
    case "list": {
      const items = block.items.map((item) => element("li", {dir: "auto"}, inline(item)));
      return block.start === null ? element("ul", {}, items) : element("ol", {start: block.start}, items);
    }
    case "heading":
      return element("p", {class: "heading", dir: "auto"}, inline(block.text));
    default:
      return element("p", {dir: "auto"}, inline(block.text));
  }
}

/** A text in an element, which it owns. */
export class TextView {
  #keys = [];

  constructor() {
    this.element = element("div", {class: "text"});
  }

  /** Shows `text` in place of what was there. */
  update(text) {
    const wanted = blocks(text);
    const keys = wanted.map((block) => JSON.stringify(block));
    let same = 0;
    while (same < keys.length && keys[same] === this.#keys[same]) same += 1;
    while (this.element.childNodes.length > same) this.element.lastChild.remove();
    this.element.append(...wanted.slice(same).map(node));
    this.#keys = keys;
  }
}
