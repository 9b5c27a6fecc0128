// Preloaded by a program whose clock is to be two hours slow.
const real = Date.now;
Date.now = () => real() - 7_200_000;
