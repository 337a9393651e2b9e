"""What lies behind an object, completed. Begin with `filling`; what finds the object does not belong here."""
