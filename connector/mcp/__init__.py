"""Actions as tools of the Model Context Protocol (MCP), over the official SDK.

:mod:`.tools` decides which actions are offered, :mod:`.tool_server` answers the protocol, :mod:`.caller` performs the
calls, :mod:`.confirmation` words what one would revoke, and :mod:`.stdio` carries the messages.
"""
