// Shows the token once, in a header, and gets a cookie for it that scripts cannot read.
const form = document.getElementById('form');
const token = document.getElementById('token');
const problem = document.getElementById('problem');

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  problem.textContent = '';
  const answer = await fetch('/login', { headers: { authorization: `Bearer ${token.value.trim()}` } }).catch(
    () => undefined,
  );
  if (answer?.status === 204) location.replace('/');
  else if (answer === undefined) problem.textContent = 'The service does not answer.';
  else problem.textContent = answer.status === 429 ? 'Too many attempts: wait a moment.' : 'This is not the token.';
});
token.focus();
