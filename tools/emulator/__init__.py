"""An emulated rig: boards as processes, bought sensors, and the RS-485 line between them and a gateway's port."""
