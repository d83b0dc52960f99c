// Draws one bubble. Text is only ever set as text: what a customer or the bot writes is never markup.

const ADDRESS = /https?:\/\/[^\s<>"']*[^\s<>"'.,;:!?)\]]/g;

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(key, '');
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

// Drawn, not emoji: not every machine has a font for those.
const SHAPES = {
  file: 'M7 3h7l4 4v14H7zM14 3v4h4M10 12h5M10 16h5',
  location: 'M12 21c4-5 6-8 6-11a6 6 0 0 0-12 0c0 3 2 6 6 11zM12 12a2 2 0 1 0 0-4 2 2 0 0 0 0 4z',
  contact: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20c1-4 4-5.5 7.5-5.5s6.5 1.5 7.5 5.5',
};

export function icon(name) {
  const drawing = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  drawing.setAttribute('viewBox', '0 0 24 24');
  drawing.setAttribute('class', 'icon small');
  drawing.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', SHAPES[name]);
  drawing.append(path);
  return drawing;
}

/** The text with its addresses as links, and its line breaks kept by the style sheet. */
function linked(text) {
  const parts = [];
  let from = 0;
  for (const found of text.matchAll(ADDRESS)) {
    parts.push(text.slice(from, found.index));
    parts.push(element('a', { href: found[0], target: '_blank', rel: 'noopener noreferrer' }, found[0]));
    from = found.index + found[0].length;
  }
  return [...parts, text.slice(from)];
}

export function initials(name) {
  return name.split(/\s+/).filter(Boolean).slice(0, 2).map((word) => word[0].toUpperCase()).join('');
}

/** A face: the picture where there is one, the initials otherwise. */
export function face(name, picture) {
  const made = element('span', { class: 'face', 'aria-hidden': 'true' });
  if (picture) made.append(element('img', { src: picture, alt: '' }));
  else made.textContent = initials(name);
  return made;
}

function content(bubble, texts) {
  const parts = [];
  if (bubble.image) {
    const description = bubble.text || texts[bubble.kind] || texts.photo;
    parts.push(element('img', { class: 'image', src: bubble.image, alt: description, loading: 'lazy' }));
  } else if (bubble.kind === 'voice') {
    parts.push(element('audio', { controls: true, preload: 'metadata', src: bubble.file, 'aria-label': texts.voice }));
  } else if (bubble.file) {
    parts.push(element('a', { class: 'file', href: bubble.file, download: bubble.file_name }, icon('file'), bubble.file_name));
  } else if (bubble.kind === 'location' || bubble.kind === 'contact') {
    parts.push(element('span', { class: bubble.kind }, icon(bubble.kind), texts[bubble.kind]));
  }
  if (bubble.text) parts.push(element('p', { class: 'text' }, ...linked(bubble.text)));
  return parts;
}

function ticks(bubble, texts) {
  if (!bubble.ticks) return '';
  const said = [texts.sent, texts.delivered, texts.seen][bubble.ticks - 1];
  return element('span', { class: `ticks ticks-${bubble.ticks}`, role: 'img', 'aria-label': said, title: said });
}

function foot(bubble, texts) {
  const at = new Date(bubble.at);
  const clock = at.toLocaleTimeString(document.documentElement.lang, { hour: '2-digit', minute: '2-digit' });
  return element(
    'span',
    { class: 'foot' },
    ...(bubble.edited ? [element('span', { class: 'edited' }, texts.edited)] : []),
    element('time', { datetime: bubble.at }, clock),
    ticks(bubble, texts),
  );
}

/**
 * One row of the log. `first` and `last` say where the bubble stands among neighbours of the same sender,
 * `editable` whether it gets the button that edits it.
 */
export function row(bubble, { first, last, editable, texts }) {
  const mine = bubble.author === 'customer';
  const made = element('div', {
    class: `row ${mine ? 'mine' : 'theirs'}${first ? ' first' : ''}${last ? ' last' : ''} is-${bubble.kind}`,
    'data-id': bubble.id,
  });
  if (!mine) made.append(last ? face(bubble.sender, bubble.picture) : element('span', { class: 'face none' }));
  const body = element('div', { class: 'bubble' });
  if (!mine && first) body.append(element('span', { class: 'sender' }, bubble.sender));
  body.append(...content(bubble, texts), foot(bubble, texts));
  if (bubble.inline.length) {
    const buttons = bubble.inline.map((button) =>
      button.kind === 'url'
        ? element('a', { href: button.payload, target: '_blank', rel: 'noopener noreferrer' }, button.title)
        : element('button', { type: 'button', 'data-tap': button.title }, button.title),
    );
    body.append(element('span', { class: 'inline' }, ...buttons));
  }
  made.append(body);
  if (editable) made.append(element('button', { type: 'button', class: 'edit', 'data-edit': bubble.id }, texts.edit));
  return made;
}
