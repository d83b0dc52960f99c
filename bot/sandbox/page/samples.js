// Pictures drawn here, so that nobody needs a photo at hand to try how the bot takes one.

/** A modem whose light is red: what a customer with a dead line would photograph. Resolves to a JPEG. */
export function modemPhoto() {
  const canvas = document.createElement('canvas');
  canvas.width = 960;
  canvas.height = 720;
  const pen = canvas.getContext('2d');

  const wall = pen.createLinearGradient(0, 0, 0, 720);
  wall.addColorStop(0, '#d9cfc0');
  wall.addColorStop(1, '#b9aa95');
  pen.fillStyle = wall;
  pen.fillRect(0, 0, 960, 720);
  pen.fillStyle = '#8a6a4b';
  pen.fillRect(0, 540, 960, 180);

  pen.fillStyle = 'rgb(0 0 0 / 25%)';
  pen.beginPath();
  pen.ellipse(480, 566, 330, 26, 0, 0, 7);
  pen.fill();
  for (const x of [240, 700]) {
    pen.fillStyle = '#202327';
    pen.fillRect(x, 150, 20, 230);
  }
  pen.fillStyle = '#2b2f35';
  pen.beginPath();
  pen.roundRect(170, 350, 620, 210, 34);
  pen.fill();
  pen.fillStyle = '#3a4048';
  pen.beginPath();
  pen.roundRect(190, 368, 580, 90, 22);
  pen.fill();

  ['#37d67a', '#ff3b30', '#3b4149', '#3b4149'].forEach((colour, n) => {
    pen.fillStyle = colour;
    pen.shadowColor = colour;
    pen.shadowBlur = n < 2 ? 34 : 0;
    pen.beginPath();
    pen.arc(300 + n * 120, 510, 13, 0, 7);
    pen.fill();
  });
  return new Promise((done) => canvas.toBlob(done, 'image/jpeg', 0.85));
}
