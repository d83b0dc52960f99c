// What a hand does on a phone: typing, tapping, attaching. The server is told; nothing is drawn here.

import { modemPhoto } from '/page/samples.js';
import { texts } from '/page/texts.js';

/** The phone that was used last: sentences to try go there. */
export const latest = { name: 'telegram' };

export class Hand {
  constructor(root) {
    this.root = root;
    this.name = root.dataset.phone;
    this.state = null;
    this.editing = null;
    root.addEventListener('click', (event) => this.clicked(event));
    root.addEventListener('focusin', () => { latest.name = this.name; });
    root.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.closeSheets();
    });
    this.one('[data-composer]').addEventListener('submit', (event) => this.submitted(event));
    this.one('textarea[data-text]').addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.one('[data-composer]').requestSubmit();
      }
    });
    this.one('textarea[data-text]').addEventListener('input', () => this.grow());
    for (const input of root.querySelectorAll('[data-file]')) {
      input.addEventListener('change', () => this.upload(input));
    }
  }

  one(selector) {
    return this.root.querySelector(selector);
  }

  async act(name, given = {}) {
    const form = given instanceof FormData;
    const headers = { 'X-Sandbox': '1', ...(form ? {} : { 'Content-Type': 'application/json' }) };
    const body = form ? given : JSON.stringify(given);
    try {
      const answer = await fetch(`/phone/${this.name}/${name}`, { method: 'POST', headers, body });
      this.trouble(answer.ok ? '' : (await answer.json()).error);
      return answer.ok;
    } catch {
      this.trouble(texts.failed);
      return false;
    }
  }

  trouble(text) {
    const shown = this.one('[data-trouble]');
    shown.hidden = !text;
    shown.textContent = text ? `${texts.failed}. ${text.split('\n')[0]}` : '';
    clearTimeout(this.forget);
    if (text) this.forget = setTimeout(() => this.trouble(''), 6000);
  }

  async submitted(event) {
    event.preventDefault();
    const field = this.one('textarea[data-text]');
    const text = field.value.trim();
    if (!text) return;
    field.value = '';
    this.grow();
    const id = this.editing;
    this.edit(null);
    const done = await (id ? this.act('edits', { id, text }) : this.act('says', { text }));
    if (!done) field.value = text; // nothing typed is lost
  }

  clicked(event) {
    const on = event.target.closest('button, summary');
    if (!on) return;
    if (on.matches('summary')) return this.closeSheets(on.parentElement);
    const { act, sample, tap, edit, key } = on.dataset;
    if (act) this.act(act, { ...on.dataset });
    if (tap !== undefined) this.act('taps', { title: tap });
    if (key) this.tapKey(key, on.textContent);
    if (edit) this.edit(edit);
    if (sample) modemPhoto().then((photo) => this.send('photo', photo, 'foto.jpg'));
    if (on.matches('[data-cancel-edit]')) this.edit(null);
    if (key !== 'location') this.askWhere(false);
    this.closeSheets();
    if (on.closest('.keys, .chips, .sheet, .where, .start')) this.one('textarea[data-text]').focus({ preventScroll: true });
  }

  tapKey(kind, title) {
    if (kind === 'location') this.askWhere(true);
    else if (kind === 'contact') this.act('contact');
    else this.act('taps', { title });
  }

  askWhere(asked) {
    const where = this.one('[data-where]');
    if (!where) return;
    where.hidden = !asked;
    this.one('[data-keys]').hidden = asked || !this.state?.keyboard.length;
    if (asked) where.querySelector('button').focus();
  }

  edit(id) {
    this.editing = id;
    this.one('[data-editing]').hidden = !id;
    const field = this.one('textarea[data-text]');
    field.value = id ? this.state.bubbles.find((bubble) => bubble.id === id).text : '';
    this.grow();
    field.focus();
  }

  upload(input) {
    if (input.files.length) this.send(input.dataset.file, input.files[0], input.files[0].name);
    input.value = '';
    this.closeSheets();
  }

  send(kind, file, name) {
    const form = new FormData();
    form.append('file', file, name);
    this.act(kind, form);
  }

  /** Put a sentence into the text field; who never started the bot does so first. */
  say(text) {
    if (this.name === 'telegram' && !this.state?.started) this.act('starts');
    const field = this.one('textarea[data-text]');
    field.value = text;
    this.grow();
    field.focus();
  }

  grow() {
    const field = this.one('textarea[data-text]');
    field.rows = Math.min(5, Math.max(field.value.split('\n').length, Math.ceil(field.value.length / 30), 1));
  }

  closeSheets(except) {
    for (const sheet of this.root.querySelectorAll('details[open]')) {
      if (sheet !== except) sheet.open = false;
    }
  }
}
