// A script that is answered 401 has outlived the person's session: the page, asked for again, leads to the sign-in page
// and back.
export function signedOut(answer) {
  if (answer.status !== 401) return false;
  location.reload();
  return true;
}
