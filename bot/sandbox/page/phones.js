// The page: both phones, the sentences to try, and the live stream that keeps everything up to date.

import { element } from '/page/bubbles.js';
import { latest } from '/page/hand.js';
import { Phone } from '/page/phone.js';
import { texts } from '/page/texts.js';

const phones = {};

function showIncidents(incidents) {
  const entries = Object.entries(incidents);
  document.querySelector('[data-incidents]').hidden = !entries.length;
  const list = document.querySelector('[data-incident-list]');
  const source = JSON.stringify(entries);
  if (list.source === source) return;
  const focused = document.activeElement?.dataset.incident;
  list.source = source;
  list.replaceChildren(...entries.map(([incident, closed]) =>
    element('li', {},
      element('span', {}, `${incident}: ${closed ? texts.is_closed : texts.is_open}`),
      element('button', { type: 'button', 'data-incident': incident, 'data-to': closed ? 'open' : 'closed' },
        `${closed ? texts.reopen : texts.close} ${incident}`))));
  if (focused) list.querySelector(`[data-incident="${focused}"]`)?.focus();
}

function showPhone(name) {
  document.body.dataset.shown = latest.name = name;
  for (const button of document.querySelectorAll('[data-show]')) {
    button.setAttribute('aria-pressed', String(button.dataset.show === name));
  }
  const log = phones[name].one('[data-log]');
  log.scrollTop = log.scrollHeight;
  if (phones[name].state) phones[name].tellRead(phones[name].state);
}

document.addEventListener('click', (event) => {
  const { show, say, incident, to } = event.target.closest('button')?.dataset ?? {};
  if (show) showPhone(show);
  if (say) {
    showPhone(latest.name);
    phones[latest.name].say(say);
  }
  if (incident) fetch(`/incident/${incident}/${to}`, { method: 'POST', headers: { 'X-Sandbox': '1' } });
  for (const phone of Object.values(phones)) {
    if (!phone.root.contains(event.target)) phone.closeSheets();
  }
});

for (const root of document.querySelectorAll('[data-phone]')) phones[root.dataset.phone] = new Phone(root);

const live = document.querySelector('[data-live]');
const stream = new EventSource('/live');
stream.onmessage = (event) => {
  const state = JSON.parse(event.data);
  for (const phone of Object.values(phones)) phone.show(state[phone.name]);
  showIncidents(state.incidents);
  live.textContent = texts.connected;
  live.classList.remove('lost');
};
stream.onerror = () => {
  live.textContent = texts.lost;
  live.classList.add('lost');
};
document.addEventListener('visibilitychange', () => {
  for (const phone of Object.values(phones)) if (phone.state) phone.tellRead(phone.state);
});
