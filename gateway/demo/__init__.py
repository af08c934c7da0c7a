"""What `placet demo` starts: an upstream server, a scripted agent."""
