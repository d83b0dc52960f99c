// Keeps one phone's screen like the state the server sends.

import { element, icon, initials, row } from '/page/bubbles.js';
import { Hand } from '/page/hand.js';
import { texts } from '/page/texts.js';

export class Phone extends Hand {
  constructor(root) {
    super(root);
    this.drawn = new Map(); // bubble id -> [what it was drawn from, its row]
    this.read = '';
    this.atEnd = true;
    const log = this.one('[data-log]');
    let before = 0;
    log.addEventListener('scroll', () => {
      // Only a hand scrolls up. A log that became shorter (buttons came) is not at its end either, but stays there.
      if (log.scrollHeight - log.scrollTop - log.clientHeight < 60) this.atEnd = true;
      else if (log.scrollTop < before) this.atEnd = false;
      before = log.scrollTop;
    }, { passive: true });
    // Buttons, pictures and the keyboard change the height after the last bubble is drawn: stay at the end.
    const stay = new ResizeObserver(() => { if (this.atEnd) log.scrollTop = log.scrollHeight; });
    for (const part of [log, this.one('[data-bubbles]'), this.one('[data-dots]')]) stay.observe(part);
  }

  show(state) {
    const other = this.state && this.state.customer.name !== state.customer.name && !state.bubbles.length;
    this.state = state;
    if (other) this.edit(null);
    this.one('[data-title]').textContent = state.title;
    this.one('[data-customer]').textContent = `${state.customer.name} (${state.customer.language})`;
    this.one('[data-status]').textContent = state.typing ? texts.typing : this.name === 'telegram' ? texts.bot : texts.page;
    this.root.classList.toggle('is-typing', Boolean(state.typing));
    for (const face of this.root.querySelectorAll('[data-face]')) face.textContent = initials(state.title);
    this.showWelcome(state);
    this.showBubbles(state);
    this.showButtons(state);
    this.showMenus(state);
    this.showBlocked(state);
    this.tellRead(state);
  }

  showWelcome(state) {
    const first = !state.started && !state.bubbles.length;
    this.one('[data-welcome]').hidden = this.name === 'telegram' ? state.bubbles.length > 0 : false;
    this.one('[data-welcome]').classList.toggle('before', first);
    this.one('[data-welcome-title]').textContent = state.title;
    this.one('[data-about]').textContent = state.about;
    const question = this.one('[data-about-question]');
    if (question) question.hidden = !state.about;
    const breakers = first ? (state.ice_breakers ?? []) : [];
    this.replace('[data-breakers]', breakers, (question) =>
      element('button', { type: 'button', 'data-act': 'ice_breaker', 'data-question': question }, question));
    const canStart = first && (this.name === 'telegram' || state.can_get_started);
    this.one('[data-start]').hidden = !canStart || state.customer.blocked;
    this.root.classList.toggle('not-started', canStart);
  }

  showBubbles(state) {
    const list = this.one('[data-bubbles]');
    const own = state.bubbles.filter((bubble) => bubble.author === 'customer' && bubble.kind === 'text');
    const editable = own.at(-1)?.id;
    const kept = new Map();
    state.bubbles.forEach((bubble, n) => {
      const same = (other) => other && other.author === bubble.author && other.sender === bubble.sender;
      const how = {
        first: !same(state.bubbles[n - 1]),
        last: !same(state.bubbles[n + 1]),
        editable: bubble.id === editable && !state.customer.blocked,
      };
      const source = JSON.stringify([bubble, how]);
      let [was, node] = this.drawn.get(bubble.id) ?? [];
      if (was !== source) {
        const made = row(bubble, { ...how, texts });
        if (node) node.replaceWith(made);
        if (!node && bubble.author === 'customer') this.atEnd = true;
        node = made;
      }
      if (list.children[n] !== node) list.insertBefore(node, list.children[n] ?? null);
      kept.set(bubble.id, [source, node]);
    });
    while (list.children.length > state.bubbles.length) list.lastElementChild.remove();
    this.drawn = kept;
    this.one('[data-dots]').hidden = !state.typing;
    const log = this.one('[data-log]');
    if (this.atEnd) log.scrollTop = log.scrollHeight;
  }

  showButtons(state) {
    const rows = state.keyboard ?? [];
    if (this.name === 'telegram') {
      const asking = !this.one('[data-where]').hidden;
      this.one('[data-keys]').hidden = !rows.length || asking || state.customer.blocked;
      this.replace('[data-keys]', rows, (keys) =>
        element('div', {}, ...keys.map((button) =>
          element('button', { type: 'button', 'data-key': button.kind },
            ...(button.kind === 'text' ? [] : [icon(button.kind)]), button.title))));
      return;
    }
    const chips = state.bubbles.at(-1)?.buttons ?? [];
    this.one('[data-chips]').hidden = !chips.length || state.customer.blocked;
    this.replace('[data-chips]', chips, (chip) =>
      element('button', { type: 'button', 'data-tap': chip.title }, chip.title));
  }

  showMenus(state) {
    if (state.commands) {
      this.replace('[data-commands]', state.commands, (command) =>
        element('button', { type: 'button', 'data-act': 'says', 'data-text': `/${command.command}` },
          element('strong', {}, `/${command.command}`), ` ${command.description}`));
      this.one('[data-sheet="commands"]').hidden = !state.commands.length;
    }
    if (state.menu) {
      this.replace('[data-menu]', state.menu, (item) =>
        item.type === 'web_url'
          ? element('a', { href: item.url, target: '_blank', rel: 'noopener noreferrer' }, item.title)
          : element('button', { type: 'button', 'data-act': 'menu', 'data-title': item.title }, item.title));
      this.one('[data-sheet="menu"]').hidden = !state.menu.length;
    }
  }

  showBlocked(state) {
    const { blocked } = state.customer;
    this.one('[data-blocked]').hidden = !blocked;
    this.one('[data-composer]').hidden = blocked || (this.name === 'telegram' && !state.started);
    this.one('[data-when="open"]').hidden = blocked || !state.started;
    this.one('[data-when="blocked"]').hidden = !blocked;
  }

  /** A Messenger customer who looks at the page has read what is on it. */
  tellRead(state) {
    const last = state.bubbles.at(-1);
    const looking = document.visibilityState === 'visible' && this.root.offsetParent !== null;
    if (this.name !== 'messenger' || !looking || last?.author !== 'bot' || last.id === this.read) return;
    this.read = last.id;
    this.act('reads');
  }

  /** Redraw a group of buttons only when it changed, so that the focus in it is not lost. */
  replace(selector, items, draw) {
    const group = this.one(selector);
    const source = JSON.stringify(items);
    if (group.source === source) return;
    group.source = source;
    group.replaceChildren(...items.map(draw));
  }
}
