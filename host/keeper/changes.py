"""Netlink's news (rtnetlink(7)): what has changed is looked at when it has, and is not polled for all the time."""

from __future__ import annotations

import errno
import socket

# include/uapi/linux/netlink.h, rtnetlink.h and xfrm.h: families, and groups as bits.
NETLINK_ROUTE, NETLINK_XFRM = 0, 6
DEVICES_AND_ROUTES = 0x1 | 0x10 | 0x40  # RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE
KERNEL_SAS = 0x4  # XFRMNLGRP_SA


class Changes:
    """News of one kind. It is readable when there are some."""

    def __init__(self, family: int, groups: int) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, family)
        self._socket.setblocking(False)
        self._socket.bind((0, groups))

    def fileno(self) -> int:
        return self._socket.fileno()

    def taken(self) -> bool:
        """Whether there were any. What they say is not read: the kernel is asked for all of it."""
        found = False
        while True:
            try:
                self._socket.recv(65536)
            except BlockingIOError:
                return found
            except OSError as fault:
                # More than fits, and so a change as well.
                if fault.errno != errno.ENOBUFS:
                    raise
            found = True
