/* SPDX-License-Identifier: MIT */
/* Output files: replaced whole, or left as they were; what is no regular file stays. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/outfile.h"
#include "../suite.h"

static char folder[] = "/tmp/outfile-XXXXXX";

static void enter_folder(void)
{
    strcpy(folder + sizeof(folder) - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
}

static unsigned int names(void)
{
    DIR *all = opendir(".");
    unsigned int count = 0;

    ck_assert_ptr_nonnull(all);
    while (readdir(all))
        count++;
    closedir(all);
    return count - 2;
}

static void leave_folder(void)
{
    DIR *all = opendir(".");
    struct dirent *entry;

    while (all && (entry = readdir(all))) {
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            (void)remove(entry->d_name);
    }
    closedir(all);
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}

static void make(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

static void expect(const char *path, const char *text)
{
    char found[64] = "";
    FILE *file = fopen(path, "re");

    ck_assert_ptr_nonnull(file);
    found[fread(found, 1, sizeof(found) - 1, file)] = 0;
    fclose(file);
    ck_assert_str_eq(found, text);
}

static mode_t kind(const char *path)
{
    struct stat status;

    ck_assert_int_eq(lstat(path, &status), 0);
    return status.st_mode & S_IFMT;
}

static void refused(const char *path, int error, const char *why)
{
    const unsigned int before = names();

    errno = 0;
    const char *said = outfile_write(path, "new", 3);
    ck_assert_int_eq(errno, error);
    ck_assert_ptr_nonnull(said);
    ck_assert_str_eq(said, why ? why : strerror(error));
    ck_assert_uint_eq(names(), before);
}

START_TEST(takes_the_name_whole)
{
    struct stat status;
    const mode_t mask = umask(027);

    ck_assert_ptr_null(outfile_write("file", "first, longer", 13));
    ck_assert_ptr_null(outfile_write("file", "new", 3));
    expect("file", "new");
    ck_assert_int_eq(stat("file", &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0640);
    umask(mask);
    ck_assert_ptr_null(outfile_write("empty", "", 0));
    expect("empty", "");
    ck_assert_uint_eq(names(), 2);
}
END_TEST

START_TEST(fills_what_is_no_regular_file)
{
    char got[4] = "";

    make("target", "old and longer");
    ck_assert_int_eq(symlink("target", "link"), 0);
    ck_assert_ptr_null(outfile_write("link", "new", 3));
    ck_assert_uint_eq(kind("link"), S_IFLNK);
    expect("target", "new");
    ck_assert_int_eq(mkfifo("pipe", 0600), 0);
    int reader = open("pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ck_assert_ptr_null(outfile_write("pipe", "new", 3));
    ck_assert_int_eq(read(reader, got, 3), 3);
    ck_assert_str_eq(got, "new");
    close(reader);
    ck_assert_uint_eq(kind("pipe"), S_IFIFO);
    ck_assert_ptr_null(outfile_write("/dev/null", "new", 3));
    ck_assert_uint_eq(kind("/dev/null"), S_IFCHR);
}
END_TEST

START_TEST(removes_nothing_that_it_did_not_make)
{
    ck_assert_int_eq(symlink("/dev/full", "full"), 0);
    refused("full", ENOSPC, NULL);
    ck_assert_uint_eq(kind("full"), S_IFLNK);
    ck_assert_uint_eq(kind("/dev/full"), S_IFCHR);
    refused("/dev/full", ENOSPC, NULL);
    ck_assert_uint_eq(kind("/dev/full"), S_IFCHR);
    ck_assert_int_eq(symlink("nowhere/file", "dangling"), 0);
    refused("dangling", ENOENT, NULL);
    ck_assert_uint_eq(kind("dangling"), S_IFLNK);
}
END_TEST

START_TEST(refuses_what_cannot_be_output)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    refused("socket", ENXIO, "it is a socket");
    ck_assert_uint_eq(kind("socket"), S_IFSOCK);
    close(listener);
    ck_assert_int_eq(mkdir("folder", 0700), 0);
    refused("folder", EISDIR, "it is a folder");
    refused("nowhere/file", ENOENT, NULL);
    refused("", ENOENT, NULL);
    if (!mknod("disk", S_IFBLK | 0600, 0)) /* root may make one */
        refused("disk", ENOTSUP, "it is a block device");
}
END_TEST

/* A limit of the file's size in place of a full disk. (Check itself writes a file for each assertion.) */
START_TEST(a_full_disk_leaves_what_was_there)
{
    const struct rlimit few = {2, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};

    make("file", "old");
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &few);
    const char *said[] = {outfile_write("file", "new", 3), outfile_write("another", "new", 3)};
    setrlimit(RLIMIT_FSIZE, &all);
    for (unsigned int i = 0; i < 2; i++) {
        ck_assert_ptr_nonnull(said[i]);
        ck_assert_str_eq(said[i], strerror(EFBIG));
    }
    expect("file", "old");
    ck_assert_uint_eq(names(), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("outfile");
    TCase *tests = tcase_create("outfile");

    tcase_add_checked_fixture(tests, enter_folder, leave_folder);
    tcase_add_test(tests, takes_the_name_whole);
    tcase_add_test(tests, fills_what_is_no_regular_file);
    tcase_add_test(tests, removes_nothing_that_it_did_not_make);
    tcase_add_test(tests, refuses_what_cannot_be_output);
    tcase_add_test(tests, a_full_disk_leaves_what_was_there);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
