"""What files say of themselves beside their pixels: tags, marks of raw files, colours, damage."""
