// The page's own words in the page's language, as the server put them into the page.

export const texts = JSON.parse(document.body.dataset.texts);
