// Elements, as Rust asks for them. Static trees come as a few lines of markup and are built with DOM calls only, so this
// works under Trusted Types and a strict content security policy; what changes later is set part by part.

const SVG = 'http://www.w3.org/2000/svg';

/**
 * Builds a tree and gives its elements in the order of the lines. A line is an element: its depth in leading spaces,
 * `tag.class`, then attributes, `|name=value`. `|@event=code` listens: `told(code, 0, event)`. `svg` is an icon.
 */
export const tree = (markup, told) => {
  const parts = [], open = [];
  parts.told = told;
  for (const line of markup.split('\n')) {
    const depth = line.search(/\S/);
    const [head, ...attributes] = line.slice(depth).split('|');
    const [tag, name] = head.split('.');
    const svg = tag === 'svg';
    const element = svg ? document.createElementNS(SVG, tag) : document.createElement(tag);
    if (name) element.className = name;
    if (svg) {
      element.setAttribute('class', 'icon');
      element.setAttribute('viewBox', '0 0 24 24');
      element.setAttribute('aria-hidden', 'true');
      element.append(document.createElementNS(SVG, 'path'));
    }
    parts.push(element);
    for (const attribute of attributes) {
      const [name, value = ''] = attribute.split('=');
      if (name[0] === '@') element.addEventListener(name.slice(1), (event) => parts.told?.(+value, 0, event));
      else set(parts, parts.length - 1, name, value);
    }
    open[depth - 1]?.append(element);
    open[depth] = element;
  }
  return parts;
};

/** Sets an attribute, or takes it away. `text` is the text, `:name` a CSS property, `d` an icon. Writes only news. */
export const set = (parts, part, name, value) => {
  let element = parts[part];
  if (name === 'text') {
    // A text that stays and says something else is laid out sooner than another one.
    const { firstChild: text } = element;
    if (text?.data === undefined || !value) element.textContent = value;
    else text.data === value || (text.data = value);
  }
  else if (name[0] === ':') element.style.setProperty(name.slice(1), value);
  else {
    if (name === 'd') element = element.firstChild;
    if (value === undefined) element.removeAttribute(name);
    else element.getAttribute(name) === value || element.setAttribute(name, value);
  }
};

/** Makes the tree `child` the child number `index`; what stands there already is not touched. */
export const place = (parts, part, child, index) => {
  const there = parts[part].children[index];
  there === child[0] || parts[part].insertBefore(child[0], there);
};

/** Puts the tree at the end of `root`. */
export const mount = (root, parts) => root.append(parts[0]);

/** Takes the tree out of the page; it says nothing more. */
export const end = (parts) => {
  parts.told = undefined;
  parts[0].remove();
};

export const focus = (parts, part) => parts[part].focus();
export const click = (parts, part) => parts[part].click();
export const focused = (parts, part) => parts[part].matches(':focus');

/** Runs `told` after the current task. */
export const soon = (told) => queueMicrotask(() => told(0, 0));
