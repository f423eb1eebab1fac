(function () {
  var main = document.querySelector('main');
  var thumbs = Array.prototype.slice.call(document.querySelectorAll('#all button'));
  var labels = Array.prototype.slice.call(document.querySelectorAll('#labels button'));
  var shown = document.getElementById('shown'), annotator = document.getElementById('annotator');
  var key = main.dataset.kit + ':' + main.dataset.assignment, at = 0, storage = null;
  var state = { annotator: '', answers: thumbs.map(function () { return null; }) };
  try { storage = window.localStorage; var kept = JSON.parse(storage.getItem(key)); if (kept) { state = kept; } } catch (error) { storage = null; }
  if (!state.annotator) { state.annotator = 'person-' + Math.random().toString(36).slice(2, 10); }
  annotator.value = state.annotator;

  function keep() {
    try { if (storage) { storage.setItem(key, JSON.stringify(state)); } } catch (error) { storage = null; }
  }
  function open() {
    return state.answers.filter(function (answer) { return answer === null; }).length;
  }
  function show(place) {
    at = Math.min(Math.max(place, 0), thumbs.length - 1);
    shown.src = thumbs[at].querySelector('img').src;
    shown.alt = 'Image ' + (at + 1) + ' of ' + thumbs.length;
    thumbs.forEach(function (thumb, i) {
      thumb.querySelector('span').textContent = state.answers[i] === null ? '' : state.answers[i];
      if (i === at) { thumb.setAttribute('aria-current', 'true'); } else { thumb.removeAttribute('aria-current'); }
    });
    labels.forEach(function (button) {
      button.setAttribute('aria-pressed', String(Number(button.dataset.label) === state.answers[at]));
    });
    document.getElementById('count').textContent = 'Image ' + (at + 1) + '; ' + (thumbs.length - open()) + ' of ' + thumbs.length + ' labelled' + (storage ? '' : '; this browser does not keep answers: download them before you leave');
    document.getElementById('download').disabled = open() > 0;
  }
  function answer(label) {
    var place = at;
    state.answers[place] = label;
    keep();
    if (open()) { do { place = (place + 1) % thumbs.length; } while (state.answers[place] !== null); }
    show(place);
  }
  labels.forEach(function (button) {
    button.addEventListener('click', function () { answer(Number(button.dataset.label)); });
  });
  thumbs.forEach(function (thumb, i) { thumb.addEventListener('click', function () { show(i); }); });
  document.getElementById('back').addEventListener('click', function () { show(at - 1); });
  document.getElementById('next').addEventListener('click', function () { show(at + 1); });
  annotator.addEventListener('input', function () { state.annotator = annotator.value.trim(); keep(); });
  document.addEventListener('keydown', function (event) {
    if (event.target === annotator || event.ctrlKey || event.metaKey || event.altKey) { return; }
    if (/^[0-9]$/.test(event.key) && Number(event.key) < labels.length) { answer(Number(event.key)); }
    else if (event.key === 'ArrowLeft') { show(at - 1); }
    else if (event.key === 'ArrowRight') { show(at + 1); }
  });
  document.getElementById('download').addEventListener('click', function () {
    var name = state.annotator || 'person';
    var text = JSON.stringify({ kit: main.dataset.kit, assignment: Number(main.dataset.assignment), annotator: name, answers: state.answers });
    var link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
    link.download = 'answers_' + main.dataset.assignment + '_' + name.replace(/[^A-Za-z0-9-]/g, '_') + '.json';
    document.body.appendChild(link);
    link.click();
    link.remove();
  });
  keep();
  show(Math.max(state.answers.indexOf(null), 0));
})();
