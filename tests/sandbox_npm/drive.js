// Drives the Graph side as a published client does, and prints what the client made of each answer.
const { MessengerClient } = require('messaging-api-messenger');

const { ORIGIN, TOKEN, SECRET, PSID, PICTURE } = process.env;
const client = new MessengerClient({
  accessToken: TOKEN,
  appSecret: SECRET, // the client then signs each call with appsecret_proof
  version: '26.0',
  origin: ORIGIN,
});

async function refusal(call) {
  try {
    await call();
    return 'accepted';
  } catch (error) {
    return error.message;
  }
}

async function main() {
  const told = {};
  told.page = await client.getPageInfo();
  told.text = await client.sendText(PSID, 'Buongiorno dal banco');
  told.quick = await client.sendText(PSID, 'Come posso aiutarti?', {
    messagingType: 'RESPONSE',
    quickReplies: [
      { contentType: 'text', title: 'Orari', payload: '/store_hours' },
      { contentType: 'user_phone_number' },
    ],
  });
  told.typing = await client.typingOn(PSID);
  told.persona = await client.createPersona({ name: 'Sara Conti', profilePictureUrl: PICTURE });
  told.asPersona = await client.sendText(PSID, 'Sono Sara', { personaId: told.persona.id });
  told.seenPersona = await client.getPersona(told.persona.id);
  told.personas = await client.getAllPersonas();
  told.image = await client.sendImage(PSID, PICTURE);
  told.upload = await client.sendImage(PSID, Buffer.from(process.env.PNG, 'base64'), { filename: 'a.png' });
  told.buttons = await client.sendButtonTemplate(PSID, 'Risolto?', [
    { type: 'postback', title: 'Sì', payload: '/affirm' },
  ]);
  told.started = await client.setGetStarted('/start');
  told.menu = await client.setPersistentMenu([{ type: 'postback', title: 'Persona', payload: '/ask_human' }]);
  told.greeting = await client.setGreeting('Ciao {{user_first_name}}');
  told.breakers = await client.setIceBreakers([{ question: 'Orari?', payload: '/store_hours' }]);
  told.profile = [await client.getGetStarted(), await client.getPersistentMenu(), await client.getIceBreakers()];
  told.person = await client.getUserProfile(PSID, { fields: ['first_name', 'last_name'] });
  told.deleted = await client.deletePersona(told.persona.id);

  told.tooLong = await refusal(() => client.sendText(PSID, 'a'.repeat(2001)));
  told.stranger = await refusal(() => client.sendText('1', 'ciao'));
  told.goneTag = await refusal(() => client.sendText(PSID, 'ciao', { tag: 'ACCOUNT_UPDATE' }));
  told.gonePersona = await refusal(() => client.sendText(PSID, 'ciao', { personaId: told.persona.id }));
  const thief = new MessengerClient({ accessToken: 'stolen', version: '26.0', origin: ORIGIN });
  told.wrongToken = await refusal(() => thief.sendText(PSID, 'ciao'));
  const forger = new MessengerClient({ accessToken: TOKEN, appSecret: 'wrong', version: '26.0', origin: ORIGIN });
  told.wrongProof = await refusal(() => forger.sendText(PSID, 'ciao'));
  console.log(JSON.stringify(told));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
