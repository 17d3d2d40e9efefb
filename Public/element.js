// Builds elements. Text becomes text nodes and nothing else, so nothing that a model, a server or a file's name says
// can become markup.

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
 * An HTML element: `onclick` and its like are listeners, true and false switch attributes, null children are left out.
 */
export function element(name, properties = {}, ...children) {
  return make(document.createElement(name), properties, children);
}

/** An SVG element, made as `element` makes one. */
export function shape(name, properties = {}, ...children) {
  return make(document.createElementNS("http://www.w3.org/2000/svg", name), properties, children);
}
