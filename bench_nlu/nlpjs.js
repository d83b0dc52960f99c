// nlp.js on one set: node nlpjs.js <folder>. Reads task.json, writes train.json and serve.json, like worker.py.
const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');

const folder = process.argv[2];
const { NlpManager } = createRequire(path.join(process.cwd(), 'package.json'))('node-nlp');
const task = JSON.parse(fs.readFileSync(path.join(folder, 'task.json'), 'utf8'));
const write = (name, data) => fs.writeFileSync(path.join(folder, name), JSON.stringify(data));
const milliseconds = () => Number(process.hrtime.bigint()) / 1e6;
const processor = () => { const used = process.cpuUsage(); return (used.user + used.system) / 1000; };

async function main() {
  const manager = new NlpManager({ languages: [task.language], forceNER: false, autoSave: false, nlu: { log: false } });
  for (const [text, intent] of task.train) manager.addDocument(task.language, text, intent);
  const began = milliseconds();
  const trained = processor();
  await manager.train();
  write('train.json', { seconds: (milliseconds() - began) / 1000, cpu: (processor() - trained) / 1000 });
  const answers = [];
  const times = [];
  const used = processor();
  for (const [number, text] of task.texts.entries()) {
    const start = milliseconds();
    const found = await manager.process(task.language, text);
    times.push(milliseconds() - start);
    const top = (found.classifications || []).find((one) => one.intent !== 'None' && one.intent !== 'nlu_fallback');
    const best = top || { intent: '', score: 0 };
    answers.push({ name: best.intent, confidence: best.score, score: best.score, outcome: found.intent === best.intent ? 'sure' : 'unsure' });
    if (number % 25 === 0) console.log(number);
  }
  const cpu = (processor() - used) / task.texts.length;
  write('serve.json', { answers, times, cpu, memory: process.memoryUsage().rss / 1048576 });
}

main().catch((error) => { console.error(error); process.exit(1); });
