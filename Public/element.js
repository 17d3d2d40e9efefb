// Builds elements. Text only becomes text nodes, so text from a model, a server or a file name cannot become markup.

function make(node, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child != null && child !== false));
  return node;
}

/**
 * Builds an HTML element. Properties like `onclick` add listeners, true and false switch attributes, null children are
 * omitted.
 */
export function element(name, properties = {}, ...children) {
  return make(document.createElement(name), properties, children);
}

/** Builds an SVG element in the same way. */
export function shape(name, properties = {}, ...children) {
  return make(document.createElementNS("http://www.w3.org/2000/svg", name), properties, children);
}
