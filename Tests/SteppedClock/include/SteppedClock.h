// To be loaded before a program (LD_PRELOAD): its wall clock then goes wrong by as many seconds as the file says that
// STEPPED_CLOCK names, from the moment on when the file does. Its monotonic clocks stay right.
