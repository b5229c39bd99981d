// One box that chooses every box of its form, and shows whether all, some or none are chosen. Without scripts it is hidden.
for (const all of document.querySelectorAll("[data-choose-all]")) {
  const boxes = [...all.form.querySelectorAll(`input[type="checkbox"][name="${all.dataset.chooseAll}"]`)];
  const show = () => {
    const chosen = boxes.filter((box) => box.checked).length;
    all.checked = chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
  };
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    show();
  });
  for (const box of boxes) box.addEventListener("change", show);
  show(); // the browser may have kept the boxes of a visit before
  all.hidden = false;
}
