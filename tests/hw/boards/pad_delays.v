// The wires between an FPGA's pads and an SDRAM chip, in steps of time: delays, and the windows in
// which a register samples nothing certain.
//
// Pins arrive as the pads' registers show them, without delay. What would change during the chip's
// set-up and hold time reaches the chip wrong. Data from the chip are noise from its hold time
// after each of its clock edges until its access time, widened by the pads' set-up and hold time.
// All parameters are in steps.

/* verilator lint_off WIDTH */
module pad_delays #(
    parameter integer OUTPUTS = 1,  // pins to the chip
    parameter integer WIDTH = 16,   // data pins from it
    parameter integer CLOCK_DELAY = 36,
    parameter integer EARLIEST = 33,  // of a pin to the chip, beside its clock's
    parameter integer LATEST = 39,
    parameter integer CHIP_SETUP = 15,
    parameter integer CHIP_HOLD = 8,
    parameter integer CHIP_ACCESS = 54,
    parameter integer CHIP_KEEPS = 25,
    parameter integer PAD_SETUP = 7,
    parameter integer PAD_HOLD = 8
) (
    input step,
    input clock_pin,
    input [OUTPUTS-1:0] pins,
    input [WIDTH-1:0] chip_data,
    output chip_clock,
    output reg [OUTPUTS-1:0] chip_pins,
    output reg [WIDTH-1:0] data
);
    // The chip's edge is judged when the last of what it samples has passed here.
    localparam JUDGED = CLOCK_DELAY + CHIP_HOLD - EARLIEST;
    localparam STABLE = CHIP_SETUP + CHIP_HOLD + LATEST - EARLIEST;
    // From then on until its data begin to be noise, and are whole.
    localparam NOISE = EARLIEST - CHIP_HOLD + CHIP_KEEPS - PAD_HOLD;
    localparam WHOLE = EARLIEST - CHIP_HOLD + CHIP_ACCESS + PAD_SETUP;

    reg [255:0] clock_line = 0;
    reg [255:0] edge_line = 0;
    reg [WIDTH-1:0] data_line [0:255];
    reg [7:0] now = 0;
    reg [OUTPUTS-1:0] last = 0;
    reg [7:0] age [0:OUTPUTS-1];
    reg [63:0] noise = 64'h9e3779b97f4a7c15;
    reg [7:0] left = 0;

    assign chip_clock = clock_line[JUDGED];

    integer n;
    always @(posedge step) begin
        now <= now + 1;
        clock_line <= {clock_line, clock_pin};
        edge_line <= {edge_line, clock_line[JUDGED] && !clock_line[JUDGED + 1]};

        last <= pins;
        for (n = 0; n < OUTPUTS; n = n + 1) begin
            age[n] <= pins[n] != last[n] ? 0 : age[n] != 255 ? age[n] + 1 : 255;
            chip_pins[n] <= pins[n] ^ ((pins[n] != last[n] || age[n] < STABLE) && noise[n]);
        end

        data_line[now] <= chip_data;
        noise <= {noise, noise[63] ^ noise[62] ^ noise[60] ^ noise[59]};
        // The lines themselves take four steps and two.
        if (edge_line[NOISE - 4]) left <= WHOLE - NOISE;
        else if (left != 0) left <= left - 1;
        data <= data_line[now - WHOLE[7:0] + 8'd2] ^ (left != 0 ? noise : 0);
    end
endmodule
