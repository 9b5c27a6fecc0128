// What the kernel allows: datagrams of 1,200 bytes from one socket to many loopback addresses, and a socket that drains them.
//   limit sink PORT SECONDS | limit send sendmmsg|gso PORT ADDRESSES SECONDS SEGMENTS
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#ifndef SOL_UDP
#define SOL_UDP 17
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum { DATAGRAM = 1200, MESSAGES = 512, MOST_ADDRESSES = 4096 };

static double seconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static double cpu(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int sink(int port, double duration) {
  static char bytes[64][2048];
  struct mmsghdr messages[64] = {0};
  struct iovec parts[64];
  int file = socket(AF_INET, SOCK_DGRAM, 0), buffer = 64 << 20;
  struct timeval patience = {0, 100000};
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
  setsockopt(file, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
  setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (bind(file, (void *)&any, sizeof any)) return perror("bind"), 1;
  for (int i = 0; i < 64; i++) {
    parts[i] = (struct iovec){bytes[i], sizeof bytes[i]};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  puts("{\"sink\":true}");
  fflush(stdout);
  for (double end = seconds() + duration; seconds() < end;) recvmmsg(file, messages, 64, MSG_WAITFORONE, NULL);
  return 0;
}

static int flood(int segments, int port, int count, double duration) {
  static char bytes[65536];
  static struct sockaddr_in to[MOST_ADDRESSES];
  static struct mmsghdr messages[MOST_ADDRESSES];
  static struct iovec part;
  static char control[CMSG_SPACE(sizeof(unsigned short))];
  int file = socket(AF_INET, SOCK_DGRAM, 0), buffer = 8 << 20;
  struct cmsghdr *header = (struct cmsghdr *)control;
  long sent = 0;
  setsockopt(file, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
  *header = (struct cmsghdr){CMSG_LEN(sizeof(unsigned short)), SOL_UDP, UDP_SEGMENT};
  *(unsigned short *)CMSG_DATA(header) = DATAGRAM;
  part = (struct iovec){bytes, (size_t)DATAGRAM * segments};
  for (int i = 0; i < count; i++) {
    struct msghdr *message = &messages[i].msg_hdr;
    to[i] = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    to[i].sin_addr.s_addr = htonl(0x7f000001u + i);
    message->msg_name = &to[i];
    message->msg_namelen = sizeof to[i];
    message->msg_iov = &part;
    message->msg_iovlen = 1;
    if (segments > 1) {
      message->msg_control = control;
      message->msg_controllen = sizeof control;
    }
  }
  double began = seconds(), used = cpu();
  while (seconds() - began < duration)
    for (int i = 0; i < count; i += MESSAGES) {
      int taken = sendmmsg(file, messages + i, count - i < MESSAGES ? count - i : MESSAGES, 0);
      if (taken < 0) return perror("sendmmsg"), 1;
      sent += (long)taken * segments;
    }
  printf("{\"cpu\":%.4f,\"sent\":%ld}\n", (cpu() - used) / sent * 1e6, sent);
  return 0;
}

int main(int count, char **words) {
  if (count == 4 && !strcmp(words[1], "sink")) return sink(atoi(words[2]), atof(words[3]));
  if (count != 7 || atoi(words[4]) > MOST_ADDRESSES || atoi(words[6]) > 50) return 2;
  return flood(strcmp(words[2], "gso") ? 1 : atoi(words[6]), atoi(words[3]), atoi(words[4]), atof(words[5]));
}
