//! A target without a file of its own: a sentence in place of code.

compile_error!(
    "rawipc makes Linux system calls by itself and knows how on x86_64, aarch64, arm, x86 and riscv64 only; \
     on this target use the C library's mq_*, sem_* and shm_* functions"
);
