// What is folded away on the screen is shown in print.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  folded.forEach((details) => { details.open = true; });
});
addEventListener("afterprint", () => folded.forEach((details) => { details.open = false; }));

// A table that goes on to the right says so until its end is in sight.
const boxes = [...document.querySelectorAll(".table")];
const mark = (box) => box.classList.toggle("more", box.scrollLeft + box.clientWidth < box.scrollWidth - 1);
const markAll = () => boxes.forEach(mark);
boxes.forEach((box) => box.addEventListener("scroll", () => mark(box), { passive: true }));
addEventListener("resize", markAll);
addEventListener("toggle", markAll, true);
markAll();
