// Mends a piece of the page to look like a new one, touching only what differs: focus, selection, scrolling and
// what is being typed stay, because their elements stay.

// Attributes that belong to the person at the page, not to the server.
const THEIRS = { DETAILS: ["open"], INPUT: ["value", "checked"], IMG: ["data-gone"], AUDIO: ["data-gone"], VIDEO: ["data-gone"] };

export function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
    old.replaceWith(fresh);
    return;
  }
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE || old.isEqualNode(fresh)) return;
  if (old.hasAttribute("data-keep") && old.getAttribute("data-keep") === fresh.getAttribute("data-keep")) return;
  attributes(old, fresh);
  // Without its own state a text field that must stay would be emptied by its new default.
  if (old.nodeName !== "TEXTAREA") children(old, fresh);
}

function attributes(old, fresh) {
  const theirs = THEIRS[old.nodeName] || [];
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !theirs.includes(name)) old.removeAttribute(name);
  }
  for (const { name, value } of [...fresh.attributes]) {
    if (old.getAttribute(name) !== value && !theirs.includes(name)) old.setAttribute(name, value);
  }
}

function children(old, fresh) {
  const known = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
  let place = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const same = wanted.id ? known.get(wanted.id) : alike(place, wanted) ? place : null;
    if (!same) {
      old.insertBefore(wanted, place);
    } else if (same === place) {
      place = place.nextSibling;
      morph(same, wanted);
    } else {
      // Moving an element would take the focus from it: what stands in its way goes behind it instead.
      while (place && place !== same && !(place.id && stays(place, fresh))) {
        const gone = place;
        place = place.nextSibling;
        gone.remove();
      }
      if (place === same) place = same.nextSibling;
      else old.insertBefore(same, place);
      morph(same, wanted);
    }
  }
  while (place) {
    const gone = place;
    place = place.nextSibling;
    gone.remove();
  }
}

function alike(node, wanted) {
  return node && !node.id && node.nodeType === wanted.nodeType && node.nodeName === wanted.nodeName;
}

function stays(node, fresh) {
  return [...fresh.children].some((child) => child.id === node.id);
}
