// An address of what once was on this page, `catalogue.html#gru-pytorch`: on to the page that the link here leads to.
document.addEventListener("DOMContentLoaded", () => {
  const follow = () => {
    const links = [...document.querySelectorAll("article a")];
    const there = links.find((a) => a.hash && a.hash === location.hash && a.pathname !== location.pathname);
    if (there && !document.getElementById(there.hash.slice(1))) location.replace(there.href);
  };
  addEventListener("hashchange", follow);
  follow();
});
