/* Tries what a broken interpreter would try, and prints what worked. The first argument is a process to signal. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int opens(const char *path, int flags) {
    int fd = open(path, flags, 0600);
    if (fd >= 0) close(fd);
    return fd >= 0;
}

static int executes(char *path, char *argument) {
    char *arguments[] = {path, argument, NULL};
    int status, pid = vfork();
    if (pid < 0) {
        execve(path, arguments, environ);  /* nothing to lose: no child can be had */
        return 0;
    }
    if (pid == 0) {
        execve(path, arguments, environ);
        _exit(1);
    }
    return waitpid(pid, &status, 0) == pid && status == 0;
}

static int forks(void) {
    int status, pid = fork();
    if (pid == 0) _exit(0);
    return pid > 0 && waitpid(pid, &status, 0) == pid;
}

static void *thread(void *argument) { return argument; }

static int has_threads(void) {
    pthread_t one;
    return pthread_create(&one, NULL, thread, NULL) == 0 && pthread_join(one, NULL) == 0;
}

static int maps(int protection) {
    return mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static int makes_executable(void) {
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
}

int main(int count, char **arguments) {
    if (count < 2 || atoi(arguments[1]) <= 0) return 0;  /* the launcher's trial asks for the version */
    printf("{\"open\": %d, ", opens("/etc/passwd", O_RDONLY));
    printf("\"create\": %d, ", opens("/tmp/vmon-probe-made", O_RDWR | O_CREAT));
    unlink("/tmp/vmon-probe-made");
    printf("\"memory of the parent\": %d, ", opens("/proc/1/mem", O_RDWR));
    printf("\"environment\": %d, ", environ[0] != NULL);
    printf("\"socket\": %d, ", socket(AF_INET, SOCK_STREAM, 0) >= 0);
    printf("\"fork\": %d, ", forks());
    printf("\"signal\": %d, ", kill(atoi(arguments[1]), 0) == 0);
    printf("\"executable memory\": %d, ", maps(PROT_READ | PROT_WRITE | PROT_EXEC));
    printf("\"code in place of data\": %d, ", makes_executable());
    printf("\"threads\": %d, ", has_threads());
    printf("\"read its libraries\": %d, ", opens("/etc/ld.so.cache", O_RDONLY));
    fflush(stdout);
    printf("\"execute\": %d, ", executes("/bin/true", NULL));
    printf("\"execute itself\": %d}\n", executes(arguments[0], NULL));
    return 0;
}
