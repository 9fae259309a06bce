// Small things that the other scripts need: elements, data that stand in the page, and words for who listens.

/** Make an element: make("p", {class: "note"}, "text", another). A text stays text, whatever it is. */
function make(tag, attributes, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same of SVG. */
function makeSvg(tag, attributes, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

/** Give an element its attributes and children; an attribute that is null, undefined or false is left out. */
function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** The JSON in an element of the page; null where there is none. */
function dataIn(id) {
  const element = document.getElementById(id);
  return element ? JSON.parse(element.textContent) : null;
}

/** Say something to who cannot see it change. */
function announce(text) {
  const place = document.getElementById("announced");
  if (place) place.textContent = text;
}

/** Run something when the whole page has been read, at once where it has. */
function whenRead(run) {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", run, { once: true });
  else run();
}

/** "1 case", "12 cases". */
function counted(number, noun) {
  return `${number.toLocaleString("en-US")} ${noun}${number === 1 ? "" : "s"}`;
}
